"""Processes that turn a picture into noise, and what a network is to predict on the way: diffusion and flow matching.

A process draws how far along each sample is, adds the noise, and says what the target is and how much its error counts.

Legend: B batch, C channels, h w latent; x the clean latent, n the noise, ᾱ the share of signal left at a timestep,
σ the share of noise in a flow.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

NOISY_SHARE = 0.15  # `noisiest` is drawn from this end of the schedule, where layout and colour are decided


@dataclass(frozen=True)
class Noised:
    noisy: Tensor  # (B, C, h, w)
    target: Tensor  # what is to be predicted, (B, C, h, w)
    timesteps: Tensor  # (B,), as the network is told them
    weight: Tensor  # (B,): of the squared error


class Process(Protocol):
    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """How far along each of `count` samples is, (count,), on the CPU."""

    def noise(self, clean: Tensor, noise: Tensor, times: Tensor) -> Noised:
        """Latents (B, C, h, w) with noise of the same shape added, at drawn times (B,) on any device."""


def draw_timesteps(count: int, total: int, noisiest: float, generator: torch.Generator) -> Tensor:
    """(count,) int64 timesteps in [0, total): a share `noisiest` from the last 15 %, the rest from all of them."""
    first = total - round(total * NOISY_SHARE)
    among_noisiest = torch.rand(count, generator=generator) < noisiest
    anywhere = torch.randint(0, total, (count,), generator=generator)
    late = torch.randint(first, total, (count,), generator=generator)
    return torch.where(among_noisiest, late, anywhere)


def noised(clean: Tensor, noise: Tensor, alphas_cumprod: Tensor, prediction_type: str) -> tuple[Tensor, Tensor]:
    """x_t and the prediction's target: noise for `epsilon`, velocity √ᾱ·noise − √(1−ᾱ)·clean for `v_prediction`."""
    kept, added = alphas_cumprod.sqrt(), (1 - alphas_cumprod).sqrt()
    return kept * clean + added * noise, (kept * noise - added * clean if prediction_type == "v_prediction" else noise)


# w = min(SNR, γ) / SNR for noise      w = min(SNR, γ) / (SNR + 1) for velocity      SNR = ᾱ / (1 − ᾱ)
def min_snr_weight(alphas_cumprod: Tensor, gamma: float, prediction_type: str) -> Tensor:
    """Weight of a sample's squared error (Min-SNR-γ, Hang et al. 2023) at ᾱ in [0, 1]; the shape stays."""
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
    snr_gamma: float | None = None  # γ of Min-SNR-γ; None: every sample's error counts the same

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """(count,) int64 timesteps."""
        return draw_timesteps(count, len(self.schedule), self.noisiest, generator)

    def alphas_cumprod(self, times: Tensor, device: torch.device) -> Tensor:
        """ᾱ at timesteps (B,) on the CPU: (B, 1, 1, 1)."""
        return self.schedule[times].view(-1, 1, 1, 1).to(device)

    def noise(self, clean: Tensor, noise: Tensor, times: Tensor) -> Noised:
        """Latents with noise added, and their goals and weights."""
        alphas_cumprod = self.alphas_cumprod(times, clean.device)
        noisy, target = noised(clean, noise, alphas_cumprod, self.prediction_type)
        weight = torch.ones(len(clean), device=clean.device)
        if self.snr_gamma is not None:
            weight = min_snr_weight(alphas_cumprod.flatten(), self.snr_gamma, self.prediction_type)
        return Noised(noisy, target, times.to(clean.device), weight)


@dataclass(frozen=True)
class Flow:
    """x_σ = (1 − σ) x + σ n; the network predicts n − x, the velocity of the straight line (Esser et al. 2024)."""

    total: int = 1000  # the network is told σ · total
    shift: float = 1.0  # of the noise share towards more noise: sampling shifts alike
    mean: float = 0.0  # of the logit of σ before the shift
    spread: float = 1.0  # and its standard deviation
    error: Literal["velocity", "clean"] = "velocity"  # whose squared error counts: n − x, or the x that it implies

    # logit σ ~ N(mean, spread²),  then  σ ← s σ / (1 + (s − 1) σ)
    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """(count,) noise shares σ in (0, 1)."""
        share = torch.sigmoid(self.mean + self.spread * torch.randn(count, generator=generator))
        return self.shift * share / (1 + (self.shift - 1) * share)

    def noise(self, clean: Tensor, noise: Tensor, times: Tensor) -> Noised:
        """Latents with noise added, and their goals and weights.

        The clean latent is x_σ − σ v, so that its squared error is σ² times the velocity's.
        """
        times = times.to(clean.device)
        share = times.view(-1, 1, 1, 1)
        weight = times.square() if self.error == "clean" else torch.ones_like(times)
        return Noised((1 - share) * clean + share * noise, noise - clean, times * self.total, weight)
