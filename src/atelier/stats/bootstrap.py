"""Means with bootstrap intervals and paired differences with p values, all resampled by *source image*.

One source image is edited with several prompts, and its edits are correlated. The independent unit is therefore the
source image (the cluster): a draw takes as many clusters as there are, with replacement, and keeps each cluster's edits
together.

Legend: E edits, K clusters, M metrics, D draws, S training seeds. A NaN score means: the metric is not defined for that
edit.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

LEVEL = 0.95


@dataclass(frozen=True)
class Clusters:
    """E edits in K clusters and D bootstrap draws of the clusters; everything that is compared shares the draws."""

    member: np.ndarray  # int (E,): the cluster of each edit
    counts: np.ndarray  # float (D, K): how often each draw took each cluster; rows sum to K

    @classmethod
    def draw(cls, names: np.ndarray, draws: int, seed: int) -> "Clusters":
        """Cluster the edits by name (E,) and draw; the order of the edits does not matter."""
        unique, member = np.unique(names, return_inverse=True)
        size = len(unique)
        counts = np.random.default_rng(seed).multinomial(size, np.full(size, 1 / size), size=draws)
        return cls(member, counts.astype(float))

    def totals(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each cluster's sum of defined scores and their number, each (K, M), from scores (E, M)."""
        belongs = np.zeros((self.counts.shape[1], len(scores)))
        belongs[self.member, np.arange(len(scores))] = 1
        return belongs @ np.nan_to_num(scores, nan=0.0), belongs @ ~np.isnan(scores)

    def drawn_means(self, scores: np.ndarray) -> np.ndarray:
        """Return the mean score of every draw, (D, M); NaN if a draw has no defined score."""
        sums, sizes = self.totals(scores)
        with np.errstate(invalid="ignore"):
            return (self.counts @ sums) / (self.counts @ sizes)

    def estimate(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return mean, lower and upper bound of its 95 % interval, each (M,), of scores (E, M)."""
        sums, sizes = self.totals(scores)
        return sums.sum(0) / sizes.sum(0), *interval(self.drawn_means(scores))


def interval(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % percentile interval (lo, hi), each (M,), of draws (D, M), ignoring NaN draws."""
    tail = (1 - LEVEL) / 2 * 100
    columns = np.ascontiguousarray(drawn.T)
    bounds = np.percentile(columns, [tail, 100 - tail], axis=1)
    for m in np.flatnonzero(np.isnan(columns).any(1)):
        bounds[:, m] = np.nanpercentile(columns[m], [tail, 100 - tail])
    return bounds[0], bounds[1]


def sign_flip_p(clusters: Clusters, differences: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Return two-sided p (M,) of the paired sign-flip permutation test on differences (E, M), flipped by cluster.

    Under the null hypothesis the two models are exchangeable for each source, so every sign pattern is equally likely.
    p = (1 + draws at least as extreme) / (1 + draws), hence never 0.
    """
    sums, _ = clusters.totals(differences)
    signs = np.random.default_rng(seed).integers(0, 2, (draws, len(sums))) * 2.0 - 1
    observed = np.abs(sums.sum(0))
    rounding = 1e-9 * np.abs(sums).sum(0)  # a flip that gives the same sum up to rounding is as extreme
    extreme = (np.abs(signs @ sums) >= observed - rounding).sum(0)
    return (1 + extreme) / (1 + draws)


def holm(p: np.ndarray) -> np.ndarray:
    """Adjust a family of p values (M,) by Holm's step-down method, which controls the family-wise error rate."""
    order = np.argsort(p, kind="stable")
    scaled = np.asarray(p, dtype=float)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return adjusted


def between_seeds(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and sample standard deviation (ddof 1), each (M,), over S ≥ 2 training seeds of values (S, M).

    More training seeds make it more exact; more test images do not.
    """
    return values.mean(0), values.std(0, ddof=1)


def over_pictures(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the standard error (M,) over test images that corresponds to 95 % intervals with bounds (S, M) each.

    It is that of normal intervals of the same width, averaged over the seeds; more test images make it smaller.
    """
    width = 2 * NormalDist().inv_cdf((1 + LEVEL) / 2)
    return ((high - low) / width).mean(0)
