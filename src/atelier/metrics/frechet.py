"""Fréchet distance between two sets of features (Heusel et al. 2017), computed by torchmetrics.

    d² = ‖μ₁ − μ₂‖² + Tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½)

With Inception's features it is called FID. Inception has to be downloaded; here the features are those of a network
that the result names, and distances by different networks are not comparable. For few images the distance is biased
upwards: compare sets of equal size only, and report the size.

Legend: N, M images, B batch, H pixels, D feature width.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from atelier.models.feature_net import FeatureNet


@dataclass(frozen=True)
class Features:
    """Feature extractor with the name that results report."""

    name: str
    of: Callable[[Tensor], Tensor]  # float32 (B, 3, H, H) in [0, 1] → (B, D)


def pooled_features(folder: str, device: str | torch.device = "cpu") -> Features:
    """Load a `FeatureNet`; its features are the last stage, averaged over the image.

    Raises:
        UserError: the folder holds no FeatureNet.
    """
    net = FeatureNet.load(folder, device)

    @torch.no_grad()
    def pooled(pictures: Tensor) -> Tensor:
        return torch.cat([net.pooled(batch.to(device) * 2 - 1) for batch in pictures.split(64)])

    return Features(folder, pooled)


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """Return d² of features (N, D) and (M, D), in squared units of the features; symmetric, 0 for a set with itself.

    The covariances are unbiased and in float64. With N ≤ D they are singular: by rounding, eigenvalues of Σ₁ Σ₂ that
    should be 0 become negative or complex, and so does the root. Its real part is used, which loses only rounding, as
    the exact product of two covariances has no negative eigenvalue. The distance can be below 0 by rounding.

    Raises:
        ValueError: the widths differ, or a set has fewer than two images (one image has no covariance).
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"expected (N, D) and (M, D), got {tuple(first.shape)} and {tuple(second.shape)}")
    if min(len(first), len(second)) < 2:
        raise ValueError(f"needs two pictures in each set, got {len(first)} and {len(second)}")
    given = torch.nn.Identity()  # the features are there already
    given.num_features = first.shape[1]
    metric = FrechetInceptionDistance(feature=given)
    metric.update(first.cpu().double(), real=True)
    metric.update(second.cpu().double(), real=False)
    return float(metric.compute())
