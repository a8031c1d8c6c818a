"""Prompt-to-Prompt: pairs of images with shared noise and replaced attention maps."""

import copy
from collections import defaultdict

import pytest
import torch
from torch import Tensor

from atelier.models.base import decode_latents
from atelier.models.text_to_image import latent_shape
from atelier.sampling.edit import draw_noise
from atelier.sampling.text_to_image import generate
from pretrain import prompt_to_prompt
from pretrain.prompt_to_prompt import Shares, sample_pairs
from pretrain.token_alignment import align_tokens

STEPS, GUIDANCE = 4, 4.0
BEFORE = ["a red shirt", "a woman in a blue dress", "a green skirt"]
AFTER = ["a blue striped shirt", "a woman in an orange dress", "a green skirt"]
SEEDS = [3, 4, 5]


def sample(sd, own, cross, before=BEFORE, after=AFTER, seeds=SEEDS) -> tuple[Tensor, Tensor]:
    """Sample pairs; shares are numbers for all pairs, or lists."""
    shares = (torch.tensor(one if isinstance(one, list) else [float(one)] * len(seeds)) for one in (own, cross))
    noise = draw_noise(seeds, latent_shape(sd))
    return sample_pairs(sd, noise, before, after, Shares(*shares), steps=STEPS, guidance=GUIDANCE)


def assert_near(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


class Explicit:
    """Attention by its equation, one image and one prompt at a time: it stores its maps, or uses stored ones."""

    def __init__(self, maps: list[Tensor], alignment: Tensor | None, replaced: tuple[bool, bool]) -> None:
        self.maps, self.alignment, self.replaced = maps, alignment, replaced

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None) -> Tensor:
        crossed = encoder_hidden_states is not None
        context = encoder_hidden_states if crossed else hidden_states
        query, key, value = (
            attn.head_to_batch_dim(one) for one in (attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context))
        )
        weights = torch.softmax(query @ key.transpose(1, 2) / query.shape[-1] ** 0.5, dim=-1)
        if self.alignment is None:
            self.maps.append(weights)
        elif self.replaced[crossed]:
            stored = self.maps[0]
            weights = stored @ self.alignment if crossed else stored
            self.maps.pop(0)
        return attn.to_out[0](attn.batch_to_head_dim(weights @ value))


@torch.no_grad()
def sample_explicitly(sd, before: str, after: str, seed: int, steps: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Sample one pair with stored maps; `steps`: those whose self and cross maps are replaced."""
    unet, scheduler, identity = sd.denoiser, copy.deepcopy(sd.scheduler), torch.eye(16)
    scheduler.set_timesteps(STEPS)
    latents = [draw_noise([seed], latent_shape(sd))] * 2
    own = unet.attn_processors
    aligned = {after: align_tokens(sd.parts["tokenizer"], before, after), "": identity}
    for step, timestep in enumerate(scheduler.timesteps):
        replaced, predictions = (step < steps[0], step < steps[1]), []
        for prompts in (("", ""), (before, after)):
            stored = defaultdict(list)
            for side, prompt in enumerate(prompts):
                alignment = aligned[prompt] if side else None
                unet.set_attn_processor({name: Explicit(stored[name], alignment, replaced) for name in own})
                context = sd.encode([prompt]).context
                predictions.append(unet(latents[side], timestep, context, return_dict=False)[0])
        for side in (0, 1):
            empty, given = predictions[side], predictions[2 + side]
            guided = empty + GUIDANCE * (given - empty)
            latents[side] = scheduler.step(guided, timestep, latents[side], return_dict=False)[0]
    unet.set_attn_processor(own)
    return latents[0], latents[1]


@pytest.mark.parametrize(("own", "cross"), [(0.5, 0.5), (1.0, 0.0), (0.0, 0.75)])
def test_pairs_equal_those_of_maps_that_are_stored_and_replaced(sd, own, cross):
    found = sample(sd, own, cross)
    for place, pair in enumerate(zip(BEFORE[:2], AFTER[:2], SEEDS[:2], strict=True)):
        expected = sample_explicitly(sd, *pair, (round(own * STEPS), round(cross * STEPS)))
        for side in (0, 1):
            assert_near(found[side][place : place + 1], expected[side])


def test_without_replacement_both_images_are_generated_from_the_same_noise(sd):
    first, second = sample(sd, 0, 0)
    for latents, prompts in ((first, BEFORE), (second, AFTER)):
        expected = generate(sd, prompts, SEEDS, steps=STEPS, guidance=GUIDANCE)
        assert_near(decode_latents(sd, latents), expected)
    assert (first - second)[:2].abs().max() > 1e-2


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_equal_prompts_give_equal_images(sd, share):
    first, second = sample(sd, share, share, BEFORE, BEFORE)
    assert_near(first, second)


def test_the_first_image_is_never_touched(sd):
    plain = sample(sd, 0, 0)[0]
    for share in (0.5, 1.0):
        assert torch.equal(sample(sd, share, share)[0], plain)


def test_a_pair_does_not_depend_on_its_neighbours(sd):
    shares = [0.75, 0.25, 1.0]
    together = sample(sd, shares, shares)
    for place, share in enumerate(shares):
        alone = sample(sd, share, share, BEFORE[place : place + 1], AFTER[place : place + 1], SEEDS[place : place + 1])
        for side in (0, 1):
            assert_near(together[side][place : place + 1], alone[side])
    others = sample(sd, [0.75, 1.0, 0.0], [0.75, 0.0, 1.0], [BEFORE[0], *AFTER[1:]], [AFTER[0], *BEFORE[:2]], [3, 8, 9])
    for side in (0, 1):
        assert torch.equal(others[side][0], together[side][0])


def test_each_share_matters(sd):
    results = [sample(sd, own, cross)[1][0] for own, cross in ((0, 0), (1, 0), (0, 1), (1, 1), (0.5, 0.5))]
    for place, one in enumerate(results):
        assert all((one - other).abs().max() > 1e-3 for other in results[:place])


def test_the_networks_own_attention_is_back_afterwards(sd, monkeypatch):
    before = sd.denoiser.attn_processors
    sample(sd, 1, 1)
    assert sd.denoiser.attn_processors == before

    def fail(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(prompt_to_prompt, "sample", fail)
    with pytest.raises(KeyboardInterrupt):
        sample(sd, 1, 1)
    assert sd.denoiser.attn_processors == before
    assert not sd.denoiser._forward_pre_hooks
