"""Pictures from prompts by guided sampling: DDIM for noise and velocity, Euler's method for flow matching.

Legend: B batch, C channels, H W pixels, h w latent. ε(T) is the prediction given the prompt T, ∅ the empty prompt.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from atelier.common.rng import derive_seed
from atelier.images.tensors import to_pixels
from atelier.models.text_to_image import TextToImage, latent_shape, predict, to_pictures
from atelier.models.words import join
from atelier.sampling.edit import draw_noise
from atelier.training.concept.dataset import ConceptRow


# ε = ε(∅) + s [ε(T) − ε(∅)]      (Ho and Salimans 2022)
@torch.no_grad()
def sample(model: TextToImage, noise: Tensor, prompts: Sequence[str], *, steps: int, guidance: float) -> Tensor:
    """Denoise (B, C, h, w) under guidance, both branches in one batch; the latents of B pictures."""
    scheduler = copy.deepcopy(model.parts["scheduler"])  # it keeps the sampling steps within itself
    scheduler.set_timesteps(steps)
    words, empty = model.encode(prompts), model.encode([""]).repeat(len(prompts))
    both, latents = join([empty, words]), noise.to(model.device)
    for timestep in scheduler.timesteps:
        times = timestep.expand(2 * len(prompts)).to(model.device)
        without, given = predict(model, model.networks, torch.cat([latents] * 2), times, both).chunk(2)
        guided = without + guidance * (given - without)
        latents = scheduler.step(guided, timestep, latents, return_dict=False)[0]
    return latents


def generate(
    model: TextToImage, prompts: Sequence[str], seeds: Sequence[int], *, steps: int, guidance: float,
    batch_size: int = 8,
) -> Tensor:  # fmt: skip
    """A picture for each of B prompts and B seeds: float32 (B, 3, H, W) in [0, 1], on the CPU.

    Each starts from noise of its own seed, so that neither the order nor the batch matters.
    """
    found = []
    for start in range(0, len(prompts), batch_size):
        batch = slice(start, start + batch_size)
        noise = draw_noise(seeds[batch], latent_shape(model))
        latents = sample(model, noise, prompts[batch], steps=steps, guidance=guidance)
        found.append(to_pictures(model, latents).cpu())
    return torch.cat(found)


def make_class_rows(
    base: TextToImage, prompt: str, count: int, weight: float, *, seed: int, steps: int, guidance: float
) -> list[ConceptRow]:
    """Rows of prior preservation (DreamBooth, section 3.2): what the base itself paints of the class, with weight λ."""
    seeds = [derive_seed(seed, "class", number) for number in range(count)]
    pictures = to_pixels(generate(base, [prompt] * count, seeds, steps=steps, guidance=guidance))
    return [ConceptRow(pixels, prompt, weight) for pixels in pictures]
