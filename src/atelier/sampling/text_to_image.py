"""Images from prompts by guided sampling: DDIM for noise and velocity, Euler's method for flow matching.

Legend: B batch, C channels, H W pixels, h w latent. ε(T) is the prediction given the prompt T, ∅ the empty prompt.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from atelier.models.base import decode_latents
from atelier.models.networks import join
from atelier.models.text_to_image import TextToImage, latent_shape, predict
from atelier.models.tokens import notice_unread
from atelier.sampling.edit import denoise, draw_noise


# ε = ε(∅) + s [ε(T) − ε(∅)]      (Ho and Salimans 2022)
@torch.no_grad()
def sample(model: TextToImage, noise: Tensor, prompts: Sequence[str], *, steps: int, guidance: float) -> Tensor:
    """Denoise (B, C, h, w) under guidance, both branches in one batch; return the latents of B images."""
    given, empty = model.encode(prompts), model.encode([""]).repeat(len(prompts))
    both = join([empty, given])

    def guided(latents: Tensor, timestep: Tensor) -> Tensor:
        times = timestep.expand(2 * len(prompts)).to(model.device)
        without, conditional = predict(model, torch.cat([latents] * 2), times, both).chunk(2)
        return without + guidance * (conditional - without)

    return denoise(model, noise.to(model.device), guided, steps)


def generate(
    model: TextToImage,
    prompts: Sequence[str],
    seeds: Sequence[int],
    *,
    steps: int,
    guidance: float,
    batch_size: int = 8,
) -> Tensor:
    """Generate an image for each of B prompts and B seeds: float32 (B, 3, H, W) in [0, 1], on the CPU.

    Each starts from noise of its own seed, so that neither the order nor the batch matters.
    """
    notice_unread(dict.fromkeys(prompts), model.unread, "prompts are longer than the text encoder reads")
    found = []
    for start in range(0, len(prompts), batch_size):
        batch = slice(start, start + batch_size)
        noise = draw_noise(seeds[batch], latent_shape(model))
        latents = sample(model, noise, prompts[batch], steps=steps, guidance=guidance)
        found.append(decode_latents(model, latents).cpu())
    return torch.cat(found)
