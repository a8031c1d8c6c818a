"""Fréchet distance between two sets of features (Heusel et al. 2017), by torchmetrics' arithmetic.

    d² = ‖μ₁ − μ₂‖² + Tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½)

With Inception's features it is called FID. Inception comes from a hub; here the features are those of a network that
the result names, and distances by different networks can't be compared. With few pictures the distance is biased
upwards: compare sets of equal size only, and give the size.

Legend: N, M pictures, B batch, H pixels, D feature width.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from atelier.measures.clip import ClipScorer
from atelier.measures.features import FeatureNet


@dataclass(frozen=True)
class Features:
    """A network whose features are compared, under the name that results give it."""

    name: str
    of: Callable[[Tensor], Tensor]  # float32 (B, 3, H, H) in [0, 1] → (B, D)


def clip_features(scorer: ClipScorer) -> Features:
    """A CLIP's unit image features."""
    return Features(scorer.name, scorer.image_features)


def pooled_features(folder: str, device: str | torch.device = "cpu") -> Features:
    """The last stage of an `atelier.measures.features.FeatureNet`, averaged over the picture.

    Raises:
        UserError: there is none in the folder.
    """
    net = FeatureNet.load(folder, device)

    @torch.no_grad()
    def pooled(pictures: Tensor) -> Tensor:
        return torch.cat([net.pooled(batch.to(device) * 2 - 1) for batch in pictures.split(64)])

    return Features(folder, pooled)


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """d² of features (N, D) and (M, D), in squared units of the features; symmetric, 0 for a set with itself.

    The covariances are the unbiased ones, in float64. With N ≤ D they are singular: eigenvalues of Σ₁ Σ₂ that should
    be 0 come out negative or complex by rounding, and so the root is complex. Its real part is taken; what is lost is
    rounding, because the exact product of two covariances has no negative eigenvalue. The distance can come out below
    0 by as little.

    Raises:
        ValueError: the widths differ, or a set has fewer than two pictures (one picture has no covariance).
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
