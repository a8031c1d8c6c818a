"""Sample pairs of images that differ in what their prompts differ in: Prompt-to-Prompt (Hertz et al. 2022).

Both images start from the same noise, and for a share of the steps the second is computed with the attention maps of
the first. InstructPix2Pix draws that share per pair, p ~ U(0.1, 0.9) (Brooks et al. 2023, section 3.1.2): how much of
the structure must stay differs between edits, and filtering chooses among several samples.

A map is M = softmax(Q Kᵀ / √d), and the attention's output M V. To replace the map of the second image by that of the
first is therefore to replace its queries and keys, and a map whose tokens are reordered by an alignment A (T, T) gives
(M A) V = M (A V): nothing is stored, and the usual fused attention computes it.

    self-attention      Q₁, K₁, V₂          where things are, and what is alike
    cross-attention     Q₁, K₁, A V₂        which token is read where

Hertz et al. replace the cross-attention's maps and, for fewer steps, the self-attention's; the code of InstructPix2Pix
replaces the self-attention's alone, for prompts with and without guidance alike. Here each kind has a share of its own.

Legend: B pairs, C channels, h w latent, T tokens of a prompt, N queries, d width of a head.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Module

from atelier.models.text_to_image import StableDiffusion
from atelier.sampling.text_to_image import sample
from pretrain.token_alignment import align_tokens


@dataclass(frozen=True)
class Shares:
    """Share of the sampling steps, from the noisiest on, in which a pair's maps are replaced: (B,) in [0, 1]."""

    self_maps: Tensor
    cross_maps: Tensor


@dataclass(frozen=True)
class _Step:
    """Which pairs have their maps replaced in a step: indices, int64, and the alignments of those in `cross`."""

    own: Tensor
    cross: Tensor
    alignment: Tensor  # (pairs in `cross`, 1, T, T)


class _Control:
    """What the attention layers do in each step of one sampling run; it counts the denoiser's calls."""

    def __init__(self, shares: Shares, alignment: Tensor, steps: int) -> None:
        """Plan the steps; `alignment` is (B, T, T)."""
        counts = [(share * steps).round() for share in (shares.self_maps, shares.cross_maps)]
        self._plan = []
        for step in range(steps):
            own, cross = ((step < count).nonzero()[:, 0].to(alignment.device) for count in counts)
            self._plan.append(_Step(own, cross, alignment[cross][:, None]))
        self._calls = 0

    @property
    def step(self) -> _Step:
        return self._plan[self._calls - 1]

    def count(self, *_: Any) -> None:
        """Note a call of the denoiser: a hook of the module."""
        self._calls += 1


class _ReplacedAttention:
    """A processor for the attention of diffusers' transformer blocks.

    The batch has four parts of B: without and with prompts, in each the first images and then the second ones.
    """

    def __init__(self, control: _Control) -> None:
        self._control = control

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, **_: Any
    ) -> Tensor:
        """Attend: (4B, N, C) → (4B, N, C)."""
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            project(given).unflatten(-1, (attn.heads, -1)).transpose(1, 2)  # (4B, heads, N or T, d)
            for project, given in ((attn.to_q, hidden_states), (attn.to_k, context), (attn.to_v, context))
        )
        step = self._control.step
        chosen = step.own if encoder_hidden_states is None else step.cross
        if len(chosen):
            for tensor in (query, key):
                sides = tensor.unflatten(0, (2, 2, -1))
                sides[:, 1, chosen] = sides[:, 0, chosen]
            if encoder_hidden_states is not None:
                prompts = value.unflatten(0, (2, 2, -1))[1, 1]  # ∅ needs no alignment
                prompts[chosen] = step.alignment @ prompts[chosen]
        attended = F.scaled_dot_product_attention(query, key, value, scale=attn.scale)
        return attn.to_out[1](attn.to_out[0](attended.transpose(1, 2).flatten(2)))


@contextmanager
def _replaced(unet: Module, control: _Control) -> Iterator[None]:
    """Give every attention layer of a UNet a controlled processor, and back its own after the block."""
    before = unet.attn_processors
    hook = unet.register_forward_pre_hook(control.count)
    unet.set_attn_processor(_ReplacedAttention(control))
    try:
        yield
    finally:
        hook.remove()
        unet.set_attn_processor(before)


@torch.no_grad()
def sample_pairs(
    model: StableDiffusion,
    noise: Tensor,
    before: Sequence[str],
    after: Sequence[str],
    shares: Shares,
    *,
    steps: int,
    guidance: float,
) -> tuple[Tensor, Tensor]:
    """Denoise B pairs from standard normal noise (B, C, h, w); return the latents of first and second images.

    A pair depends on its own noise, prompts and shares only. The first images are those that `sampling.text_to_image`
    gives for their prompts and noise, and with shares of 0 the second ones too.

    Raises:
        UserError: a prompt is longer than the text encoder reads.
    """
    tokenizer = model.parts["tokenizer"]
    aligned = torch.stack([align_tokens(tokenizer, *pair) for pair in zip(before, after, strict=True)])
    control = _Control(shares, aligned.to(model.device, model.dtype), steps)
    with _replaced(model.denoiser, control):
        latents = sample(model, torch.cat([noise, noise]), [*before, *after], steps=steps, guidance=guidance)
    first, second = latents.chunk(2)
    return first, second
