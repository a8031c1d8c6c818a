"""Pairwise similarity within a group of images: mean SSIM, PSNR and Fréchet distance over the pairs.

More similar is not better: a model that generates one image again and again is perfect here. Report these with a metric
of what the images show and with the values of a group of correct images.

The paper on anomalous images (Yoo 2024, section 4.2) reports the mean Fréchet distance over a group of ten but does not
define it for single images. Here an image is the set of its feature vectors, one per place of a stage's grid (as in the
single-image FID of Shaham et al. 2019), and the distance is averaged over pairs.

Legend: N images of a group, H pixels, D channels, P = N (N − 1) / 2 pairs.
"""

from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from atelier.metrics.frechet import frechet_distance
from atelier.metrics.pixel import ssim
from atelier.models.feature_net import FeatureNet

STAGE = 1  # of a `FeatureNet`: 16 × 16 places of a 64 px image, 64 channels
_LEAST_ERROR = 1e-10  # lower bound of the MSE: a copy has a PSNR of 100 dB, not infinity


def _pairs(count: int) -> list[tuple[int, int]]:
    """Return the P pairs of indices; ValueError if there are none."""
    if count < 2:
        raise ValueError(f"a group of {count} has no pairs")
    return list(combinations(range(count), 2))


def mean_ssim(pictures: Tensor) -> float:
    """Return the mean SSIM (Wang et al. 2004) over the P pairs of images (N, 3, H, H) in [0, 1]; at most 1.

    Raises:
        ValueError: there is only one image.
    """
    first, second = torch.tensor(_pairs(len(pictures))).T
    return float(ssim(pictures[first], pictures[second]).mean())


def mean_psnr(pictures: Tensor) -> float:
    """Return the mean PSNR in dB over the P pairs of images (N, 3, H, H) in [0, 1].

    Raises:
        ValueError: there is only one image.
    """
    exact = pictures.double()
    errors = [float((exact[one] - exact[other]).square().mean()) for one, other in _pairs(len(pictures))]
    return float(np.mean([-10 * float(np.log10(max(error, _LEAST_ERROR))) for error in errors]))


@torch.no_grad()
def patch_features(net: FeatureNet, pictures: Tensor, stage: int = STAGE) -> Tensor:
    """Return a stage's features at every place of its grid, (N, places, D), of images (N, 3, H, H) in [0, 1]."""
    return net(pictures * 2 - 1)[stage].flatten(2).transpose(1, 2)


def mean_frechet(patches: Tensor) -> float:
    """Return the mean Fréchet distance over the P pairs of images, given as sets of places (N, places, D).

    Raises:
        ValueError: there is only one image.
    """
    return float(np.mean([frechet_distance(patches[one], patches[other]) for one, other in _pairs(len(patches))]))
