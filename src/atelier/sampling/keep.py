"""What an edit keeps of its source without any training: nothing, what agrees with it, or what lies outside a mask.

Legend: B batch, C channels, H W pixels, h w latent. z is the source's clean latent and x̂ the clean latent that a
prediction implies, both scaled: `scaling_factor` is the inverse of the latents' standard deviation, which is 1 then.
n is the noise that sampling starts from, ᾱ the cumulative product of alphas at a timestep.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from atelier.config import Generate
from atelier.images.photo import paste_inside
from atelier.models.base import DiffusionModel

CONSISTENT, LATENT, COMPOSITE = "consistent", "latent", "composite"

# x̂ and z, (B, C, h, w) each → M, bool (B, 1, h, w): the cells that the edit may change
Rule = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Anchor:
    """A source to which a sampler returns all cells that an edit may not change."""

    source: Tensor  # z, (B, C, h, w)
    noise: Tensor  # n, (B, C, h, w)
    free: Rule

    # x_s ← M x_s + (1 − M) (√ᾱ_s z + √(1 − ᾱ_s) n)      s the level after the step; z itself after the last
    # (Blended Latent Diffusion, Avrahami et al. 2023, algorithm 1, which draws n anew at every step)
    def restore(self, stepped: Tensor, predicted: Tensor, scheduler: Any, following: Tensor) -> Tensor:
        """Return the latents after a step, (B, C, h, w), with the source at their noise level where nothing may change.

        Args:
            stepped: what the scheduler's step made, (B, C, h, w).
            predicted: x̂ of that step, (B, C, h, w).
            scheduler: adds the noise of a timestep.
            following: the next step's timestep, (1,); after the last step (0,).
        """
        level = scheduler.add_noise(self.source, self.noise, following) if len(following) else self.source
        return torch.where(self.free(predicted, self.source), stepped, level)


# M = 1 where a mask covers at least half of a cell      (algorithm 1's downsampled mask)
def inside(masks: Tensor, stride: int) -> Rule:
    """Return the rule that only cells inside masks may change.

    Args:
        masks: (B, 1, H, W), 0 or 1.
        stride: side of a cell, px.
    """
    cells = F.avg_pool2d(masks, stride) >= 0.5
    return lambda predicted, source: cells


# M = grow_r(d ≥ τ)      d = √(mean over channels of (G_σ * (x̂ − z))²)
def differing(threshold: float, blur: float = 0.0, dilate: int = 0) -> Rule:
    """Return the rule that cells whose x̂ agrees with the source may not change, from one step to the next.

    The reference consistency mask of kohya's musubi-tuner (RCM, for Qwen-Image-Edit), with two differences. There the
    noisy latents are compared, so that a threshold means another thing at every step. And there a cell is reset to the
    noised source just before the step, which then follows the editor's prediction; here it follows the source's own
    noise, which is known, and so lands on the source at the next level (`Anchor.restore`).

    Args:
        threshold: τ, in standard deviations of the latents; 0: all may change.
        blur: σ of the Gaussian G, in cells; 0: none.
        dilate: r, by how many cells the region that may change grows, diagonals included.
    """

    def free(predicted: Tensor, source: Tensor) -> Tensor:
        difference = blurred(predicted - source, blur)
        changed = difference.square().mean(dim=1, keepdim=True).sqrt() >= threshold
        if not dilate:
            return changed
        return F.max_pool2d(changed.to(source.dtype), 2 * dilate + 1, stride=1, padding=dilate) > 0

    return free


def blurred(latents: Tensor, sigma: float) -> Tensor:
    """Return latents (B, C, h, w) blurred by a Gaussian of standard deviation `sigma` cells, its tails cut at 3 sigma.

    Beyond the border the border's own values are taken.
    """
    radius = math.ceil(3 * sigma)
    if not radius:
        return latents
    offsets = torch.arange(-radius, radius + 1, dtype=latents.dtype, device=latents.device)
    kernel = torch.exp(-offsets.square() / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    padded = F.pad(latents, [radius] * 4, mode="replicate")
    weight = torch.outer(kernel, kernel).expand(latents.shape[1], 1, -1, -1)
    return F.conv2d(padded, weight, groups=latents.shape[1])


@dataclass(frozen=True)
class Keep:
    """The setting `generate.keep` with its parameters."""

    mode: str = "none"  # none | consistent | latent | composite
    threshold: float = 0.3
    blur: float = 0.0
    dilate: int = 0

    @classmethod
    def of(cls, settings: Generate) -> "Keep":
        """Return what the section `generate` says."""
        return cls(settings.keep, settings.keep_threshold, settings.keep_blur, settings.keep_dilate)

    @property
    def needs_mask(self) -> bool:
        """Whether it is about the outside of a mask."""
        return self.mode in (LATENT, COMPOSITE)

    def rule(self, masks: Sequence[np.ndarray | None], size: tuple[int, int], model: DiffusionModel) -> Rule | None:
        """Return the rule for a batch of B pictures; None: all cells may change, as in `none` and `composite`.

        Args:
            masks: B of what may change, bool (H, W); None: everything.
            size: H, W.
        """
        if self.mode == CONSISTENT:
            return differing(self.threshold, self.blur, self.dilate)
        if self.mode != LATENT:
            return None
        stacked = np.stack([np.ones(size, bool) if mask is None else mask for mask in masks])
        return inside(torch.from_numpy(stacked).float().unsqueeze(1).to(model.device), model.latent_stride)

    # I = S + a (E − S)      a = 0 outside the mask, rising to 1 within about a pixel of its edge
    def paste(self, source: np.ndarray, edited: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """Return an edit, uint8 (H, W, 3), for `composite` with the source's pixels outside the mask, bool (H, W)."""
        if self.mode != COMPOSITE or mask is None:
            return edited
        return paste_inside(source.copy(), lambda area: edited[area[1] : area[3], area[0] : area[2]], mask)


NOTHING = Keep()
