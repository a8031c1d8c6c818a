"""Encode a corpus once.

Legend: N pictures, S side in px, C channels, h w latent.
"""

import numpy as np
import torch
from diffusers import AutoencoderKL
from tqdm import tqdm

from atelier.images.tensors import to_tensor

_BATCH = 128


@torch.no_grad()
def encode(images: np.ndarray, vae: AutoencoderKL) -> np.ndarray:
    """Pictures uint8 (N, S, S, 3) → modes of the posterior, float32 (N, C, h, w), as the encoder gives them."""
    vae = vae.eval().to(memory_format=torch.channels_last)
    found = []
    for start in tqdm(range(0, len(images), _BATCH), desc="latents", disable=None):
        x = to_tensor(images[start : start + _BATCH]).mul(2).sub(1).to(memory_format=torch.channels_last)
        found.append(vae.encode(x).latent_dist.mode().contiguous().numpy())
    return np.concatenate(found)
