"""Is a picture a training picture painted again? How near it is to one, against how near those are to each other.

    m = 1 − d(picture, nearest training picture) / median over training pictures of d(it, nearest other one)

1 is a copy; 0 is as far from every training picture as a training picture is from its nearest other, which is what a
new photograph of the same things would be; what is further off is 0 too. d is Euclidean, the distance by which Carlini
et al. (2023, "Extracting Training Data from Diffusion Models", section 4) find copies, also against neighbours'.

Legend: N pictures, T training pictures, D values of a picture.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

COARSE = 32  # px: the side that pictures are compared at, so that an edge moved by a pixel is no other picture


def coarse_pixels(pictures: Tensor, side: int = COARSE) -> Tensor:
    """(N, 3, H, W) in [0, 1] → (N, 3 side²): averaged over areas."""
    return F.interpolate(pictures, size=(side, side), mode="area").flatten(1)


def nearest(values: Tensor, training: Tensor) -> tuple[Tensor, Tensor]:
    """Distance to the nearest training picture, (N,), and its number, (N,) int64, of (N, D) and (T, D)."""
    distances, numbers = torch.cdist(values, training, compute_mode="donot_use_mm_for_euclid_dist").min(1)
    return distances, numbers


def spacing(training: Tensor) -> float:
    """Median over T training pictures of the distance to the nearest other one.

    Raises:
        ValueError: there are fewer than two, or most have a copy among the others.
    """
    if len(training) < 2:
        raise ValueError(f"{len(training)} training picture has no other")
    distances = torch.cdist(training, training, compute_mode="donot_use_mm_for_euclid_dist")
    distances.fill_diagonal_(torch.inf)
    median = distances.min(1).values.median().item()
    if median == 0:
        raise ValueError("most training pictures are there twice; distances between them say nothing")
    return median


def memorisation(values: Tensor, training: Tensor) -> Tensor:
    """(N,) in [0, 1], of (N, D) and (T, D): 1 is a copy."""
    return (1 - nearest(values, training)[0] / spacing(training)).clamp(0, 1)
