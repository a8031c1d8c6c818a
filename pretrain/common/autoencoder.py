"""The autoencoders' losses and evaluation, and how a saved one is opened.

Legend: B batch, N images, S side in px, C channels, h w latent. Images are in [-1, 1] unless said otherwise.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from safetensors.torch import load_file

from atelier.images.tensors import to_tensor


def open_vae(folder: Path) -> AutoencoderKL:
    """Open a saved autoencoder; saved again its configuration names no folder (after `from_pretrained` it would)."""
    vae = AutoencoderKL.from_config(AutoencoderKL.load_config(folder))
    vae.load_state_dict(load_file(folder / SAFETENSORS_WEIGHTS_NAME))
    return vae


def to_input(pixels: np.ndarray) -> torch.Tensor:
    """Turn images uint8 (B, S, S, 3) into float32 (B, 3, S, S) in [-1, 1]."""
    return to_tensor(pixels).mul(2).sub(1)


# L_KL = ½ mean(μ² + σ² − 1 − ln σ²)
def reconstruct(vae: AutoencoderKL, x: torch.Tensor, jitter: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Encode and decode images (B, 3, S, S) in bfloat16; return the reconstruction, float32, and L_KL, a scalar.

    Args:
        jitter: standard deviation of the noise that is added to the latents, in units of theirs: it makes the decoder
            robust to the small errors of a generator.
    """
    with torch.autocast("cpu", torch.bfloat16):
        posterior = vae.encode(x).latent_dist
        z = posterior.mode()
        y = vae.decode(z + jitter * z.detach().float().std() * torch.randn_like(z)).sample
    kl = 0.5 * (posterior.mean.float().square() + posterior.var.float() - 1 - posterior.logvar.float()).mean()
    return y.float(), kl


def reconstruction_loss(y: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
    """Return L1 + 2 MSE of reconstructions y of images x, and the PSNR in dB to print."""
    mse = F.mse_loss(y, x)
    return F.l1_loss(y, x) + 2 * mse, {"psnr": 10 * np.log10(4 / mse.item())}


@torch.no_grad()
def evaluate_vae(vae: AutoencoderKL, pixels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the latents (N, C, h, w) of images uint8 (N, S, S, 3), and the PSNR (N,) in dB of their decodings."""
    x = to_input(pixels)
    z = torch.cat([vae.encode(part).latent_dist.mode() for part in x.split(64)])
    y = torch.cat([vae.decode(part).sample.clamp(-1, 1) for part in z.split(64)])
    return z, 10 * torch.log10(4 / (y - x).square().mean((1, 2, 3)))
