"""Noise processes and what a network learns to predict: diffusion and flow matching.

A process draws each sample's time, adds the noise, and returns the target and the weight of its squared error.

Legend: B batch, C channels, h w latent; x the clean latent, n the noise, ᾱ the cumulative product of alphas at a
timestep, σ the share of noise in a flow.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

NOISY_SHARE = 0.15  # the noisy end of the schedule, as a share of its timesteps: layout and colour are decided there


@dataclass(frozen=True)
class Noised:
    """A noised batch; every tensor's first dimension is B."""

    noisy: Tensor  # (B, C, h, w)
    target: Tensor  # what the network is to predict, (B, C, h, w)
    timesteps: Tensor  # (B,), as the network is given them
    weight: Tensor  # (B,): of the squared error


class Process(Protocol):
    """A way from images to noise."""

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw the times of `count` samples, (count,), on the CPU."""

    def noise(self, clean: Tensor, noise: Tensor, times: Tensor) -> Noised:
        """Add noise to latents of the same shape (B, C, h, w), at drawn times (B,) on any device."""


def draw_timesteps(count: int, total: int, noisiest: float, generator: torch.Generator) -> Tensor:
    """Draw (count,) int64 timesteps in [0, total): a share `noisiest` from the last 15 %, the rest from all of them."""
    first = total - round(total * NOISY_SHARE)
    among_noisiest = torch.rand(count, generator=generator) < noisiest
    anywhere = torch.randint(0, total, (count,), generator=generator)
    late = torch.randint(first, total, (count,), generator=generator)
    return torch.where(among_noisiest, late, anywhere)


def noised(clean: Tensor, noise: Tensor, alphas_cumprod: Tensor, prediction_type: str) -> tuple[Tensor, Tensor]:
    """Return x_t and the target: the noise for `epsilon`, √ᾱ·noise − √(1−ᾱ)·clean for `v_prediction`."""
    kept, added = alphas_cumprod.sqrt(), (1 - alphas_cumprod).sqrt()
    return kept * clean + added * noise, (kept * noise - added * clean if prediction_type == "v_prediction" else noise)


# w = min(SNR, γ) / SNR for noise      w = min(SNR, γ) / (SNR + 1) for velocity      SNR = ᾱ / (1 − ᾱ)
def min_snr_weight(alphas_cumprod: Tensor, gamma: float, prediction_type: str) -> Tensor:
    """Weight a sample's squared error (Min-SNR-γ, Hang et al. 2023) at ᾱ in [0, 1]; the shape stays."""
    ratio = alphas_cumprod / (1 - alphas_cumprod)
    if prediction_type == "v_prediction":
        return ratio.clamp(max=gamma) * (1 - alphas_cumprod)  # 1 / (SNR + 1) = 1 − ᾱ
    return (gamma / ratio).clamp(max=1.0)  # 1 at ᾱ = 0


@dataclass(frozen=True)
class Diffusion:
    """x_t = √ᾱ x + √(1−ᾱ) n at integer timesteps; the network predicts n or the velocity (Salimans and Ho 2022)."""

    schedule: Tensor  # ᾱ by timestep, on the CPU
    prediction_type: str  # epsilon | v_prediction
    noisiest: float = 0.0  # share of the samples that is drawn from the noisy end alone
    snr_gamma: float | None = None  # γ of Min-SNR-γ; None: all samples have the same weight

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw (count,) int64 timesteps."""
        return draw_timesteps(count, len(self.schedule), self.noisiest, generator)

    def alphas_cumprod(self, times: Tensor, device: torch.device) -> Tensor:
        """Return ᾱ at timesteps (B,) on the CPU, as (B, 1, 1, 1)."""
        return self.schedule[times].view(-1, 1, 1, 1).to(device)

    def noise(self, clean: Tensor, noise: Tensor, times: Tensor) -> Noised:
        """Add noise to latents; targets and weights are as the prediction type and γ say."""
        alphas_cumprod = self.alphas_cumprod(times, clean.device)
        noisy, target = noised(clean, noise, alphas_cumprod, self.prediction_type)
        weight = torch.ones(len(clean), device=clean.device)
        if self.snr_gamma is not None:
            weight = min_snr_weight(alphas_cumprod.flatten(), self.snr_gamma, self.prediction_type)
        return Noised(noisy, target, times.to(clean.device), weight)


@dataclass(frozen=True)
class Flow:
    """x_σ = (1 − σ) x + σ n; the network predicts n − x, the velocity of the straight line (Esser et al. 2024)."""

    total: int = 1000  # the network is given σ · total
    shift: float = 1.0  # of σ towards more noise, as in sampling
    mean: float = 0.0  # of the logit of σ before the shift
    spread: float = 1.0  # and its standard deviation
    error: Literal["velocity", "clean"] = "velocity"  # whose squared error is the loss: n − x, or the x it implies

    # logit σ ~ N(mean, spread²),  then  σ ← s σ / (1 + (s − 1) σ)
    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw (count,) noise shares σ in (0, 1)."""
        share = torch.sigmoid(self.mean + self.spread * torch.randn(count, generator=generator))
        return self.shift * share / (1 + (self.shift - 1) * share)

    def noise(self, clean: Tensor, noise: Tensor, times: Tensor) -> Noised:
        """Add noise to latents.

        The clean latent is x_σ − σ v, so that its squared error is σ² times the velocity's.
        """
        times = times.to(clean.device)
        share = times.view(-1, 1, 1, 1)
        weight = times.square() if self.error == "clean" else torch.ones_like(times)
        return Noised((1 - share) * clean + share * noise, noise - clean, times * self.total, weight)
