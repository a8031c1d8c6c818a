"""Means with intervals, paired differences with p: everything resampled by *source picture*.

One source is edited with several prompts, and such edits are alike. The independent unit is therefore the source
picture (the cluster): a draw takes as many sources as there are, with replacement, and keeps each one's edits together.

Legend: E edits, K clusters, M measures, D draws. A NaN score means that the measure is not defined for that edit.
"""

from dataclasses import dataclass

import numpy as np

LEVEL = 0.95


@dataclass(frozen=True)
class Clusters:
    """E edits in K clusters, and D bootstrap draws of the clusters: the same draws for whatever is compared."""

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
        """Per cluster the sum of the defined scores and their number, each (K, M), of scores (E, M)."""
        belongs = np.zeros((self.counts.shape[1], len(scores)))
        belongs[self.member, np.arange(len(scores))] = 1
        return belongs @ np.nan_to_num(scores, nan=0.0), belongs @ ~np.isnan(scores)

    def drawn_means(self, scores: np.ndarray) -> np.ndarray:
        """Mean score of every draw, (D, M); NaN where a draw holds no defined score."""
        sums, sizes = self.totals(scores)
        with np.errstate(invalid="ignore"):
            return (self.counts @ sums) / (self.counts @ sizes)


def interval(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval (lo, hi), each (M,), of the draws (D, M), at 95 %; draws that are NaN do not count."""
    tail = (1 - LEVEL) / 2 * 100
    columns = np.ascontiguousarray(drawn.T)
    bounds = np.percentile(columns, [tail, 100 - tail], axis=1)
    for m in np.flatnonzero(np.isnan(columns).any(1)):
        bounds[:, m] = np.nanpercentile(columns[m], [tail, 100 - tail])
    return bounds[0], bounds[1]


def sign_flip_p(clusters: Clusters, differences: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Two-sided p (M,) of the paired sign-flip permutation test on differences (E, M), flipped by whole clusters.

    Under the null either model could have made either picture of a source, so every sign pattern is equally likely.
    p = (1 + draws at least as extreme) / (1 + draws): never 0.
    """
    sums, _ = clusters.totals(differences)
    signs = np.random.default_rng(seed).integers(0, 2, (draws, len(sums))) * 2.0 - 1
    observed = np.abs(sums.sum(0))
    rounding = 1e-9 * np.abs(sums).sum(0)  # a flip that gives the same sum up to rounding is as extreme
    extreme = (np.abs(signs @ sums) >= observed - rounding).sum(0)
    return (1 + extreme) / (1 + draws)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment of a family of p values (M,): controls the chance of one false claim among them."""
    order = np.argsort(p, kind="stable")
    scaled = np.asarray(p, dtype=float)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return adjusted
