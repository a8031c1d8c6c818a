"""How alike the pictures of a group are: mean pairwise SSIM, PSNR and Fréchet distance.

More alike is not better: a model that paints one picture again and again is perfect here. Read these beside a measure
of what the pictures show, and beside a group of correct ones.

The paper on anomalous pictures (Yoo 2024, section 4.2) gives the mean over a group of ten of a Fréchet distance, and
does not say how one is taken of single pictures. Ours is the pairwise one of patches: a picture is the set of its
feature vectors, one for each place of a stage's grid (as in the single-image FID of Shaham et al. 2019).

Legend: N pictures of a group, H pixels, D channels, P = N (N − 1) / 2 pairs.
"""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from atelier.appraisal.distribution import frechet_distance
from atelier.measures.features import FeatureNet
from atelier.measures.pixel import ssim

STAGE = 1  # of a `FeatureNet`: 16 × 16 places of a 64 px picture, 64 channels
_LEAST_ERROR = 1e-10  # mean squared error that counts as none: a copy has a PSNR of 100 dB, not an infinite one


def _pairwise(count: int, measure: Callable[[int, int], float]) -> float:
    if count < 2:
        raise ValueError(f"a group of {count} has no pairs")
    return float(np.mean([measure(one, other) for one, other in combinations(range(count), 2)]))


def mean_ssim(pictures: Tensor) -> float:
    """Mean SSIM (Wang et al. 2004) over the P pairs of pictures (N, 3, H, H) in [0, 1]; 1 at most.

    Raises:
        ValueError: there is one picture alone.
    """
    _pairwise(len(pictures), lambda one, other: 0.0)
    first, second = (torch.tensor(places) for places in zip(*combinations(range(len(pictures)), 2), strict=True))
    return float(ssim(pictures[first], pictures[second]).mean())


def mean_psnr(pictures: Tensor) -> float:
    """Mean PSNR in dB over the P pairs of pictures (N, 3, H, H) in [0, 1].

    Raises:
        ValueError: there is one picture alone.
    """

    def decibels(one: int, other: int) -> float:
        error = float((pictures[one].double() - pictures[other].double()).square().mean())
        return -10 * float(np.log10(max(error, _LEAST_ERROR)))

    return _pairwise(len(pictures), decibels)


@torch.no_grad()
def patch_features(net: FeatureNet, pictures: Tensor, stage: int = STAGE) -> Tensor:
    """A stage's features at every place of its grid, (N, places, D), of pictures (N, 3, H, H) in [0, 1]."""
    return net(pictures * 2 - 1)[stage].flatten(2).transpose(1, 2)


def mean_frechet(patches: Tensor) -> float:
    """Mean Fréchet distance over the P pairs of pictures, each a set of places: (N, places, D).

    Raises:
        ValueError: there is one picture alone.
    """
    return _pairwise(len(patches), lambda one, other: frechet_distance(patches[one], patches[other]))
