"""Memorisation: how near an image is to a training image, relative to the distances between training images.

    m = 1 − d(image, nearest training image) / median over training images of d(it, nearest other one)

1 is a copy. 0 is as far from every training image as a training image is from its nearest other (what a new photograph
of the same objects would be), or further. d is Euclidean; Carlini et al. (2023, "Extracting Training Data from
Diffusion Models", section 4) detect copies by the same distance, also relative to neighbours.

Legend: N images, T training images, D values of an image.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

COARSE = 32  # px: side at which images are compared, so that an edge shifted by a pixel hardly counts


def coarse_pixels(pictures: Tensor, side: int = COARSE) -> Tensor:
    """Average images (N, 3, H, W) in [0, 1] over areas: (N, 3 side²)."""
    return F.interpolate(pictures, size=(side, side), mode="area").flatten(1)


def nearest(values: Tensor, training: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distance to the nearest training image, (N,), and its index, int64 (N,), of (N, D) and (T, D)."""
    distances, numbers = torch.cdist(values, training, compute_mode="donot_use_mm_for_euclid_dist").min(1)
    return distances, numbers


def spacing(training: Tensor) -> float:
    """Return the median over T training images of the distance to the nearest other one.

    Raises:
        ValueError: there are fewer than two, or most have a copy among the others.
    """
    if len(training) < 2:
        raise ValueError(f"needs two training pictures, got {len(training)}")
    distances = torch.cdist(training, training, compute_mode="donot_use_mm_for_euclid_dist")
    distances.fill_diagonal_(torch.inf)
    median = distances.min(1).values.median().item()
    if median == 0:
        raise ValueError("most training pictures have a copy among the others: their distances are 0")
    return median


def memorisation(values: Tensor, training: Tensor) -> Tensor:
    """Return m, (N,) in [0, 1], of (N, D) and (T, D); 1 is a copy."""
    return (1 - nearest(values, training)[0] / spacing(training)).clamp(0, 1)
