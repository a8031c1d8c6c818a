"""Estimates for a report: means with intervals, paired differences with p values, ratios of means.

An estimate is {mean, ci_lo, ci_hi, n, clusters}: n edits of `clusters` source images. A difference also has p and
p_holm.

Legend: E edits, M metrics. Tables are E × M, NaN where a metric is not defined.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from atelier.stats.bootstrap import Clusters, holm, interval, sign_flip_p

DIGITS = 6  # significant digits in reports: rounding errors that differ between machines stay below them

Estimate = dict[str, float | int]


def estimate_means(tables: Mapping[str, pd.DataFrame], clusters: Clusters) -> dict[str, dict[str, Estimate]]:
    """Return table name → metric → estimate, for each metric with a defined score; one bootstrap serves all tables."""
    defined = {name: table.dropna(axis="columns", how="all") for name, table in tables.items()}
    values = np.concatenate([table.to_numpy(float) for table in defined.values()], axis=1)
    if not values.size:
        return {name: {} for name in defined}
    means, low, high = clusters.estimate(values)
    _, sizes = clusters.totals(values)
    estimates = map(make_estimate, means, zip(low, high, strict=True), sizes.T)
    return {name: {metric: next(estimates) for metric in table.columns} for name, table in defined.items()}


def compare(differences: pd.DataFrame, clusters: Clusters, draws: int, seed: int) -> dict[str, Estimate]:
    """Return metric → estimate of paired differences, with p of the sign-flip test and p_holm over these metrics."""
    table = differences.dropna(axis="columns", how="all")
    if table.empty:
        return {}
    p = sign_flip_p(clusters, table.to_numpy(float), draws, seed)
    estimates = estimate_means({"": table}, clusters)[""]
    return {
        name: add_p(estimate, p=one, p_holm=adjusted)
        for (name, estimate), one, adjusted in zip(estimates.items(), p, holm(p), strict=True)
    }


def ratio(over: pd.Series, under: pd.Series, clusters: Clusters) -> Estimate | None:
    """Return the ratio of two means over the edits that have both scores.

    None if no edit has both, or if the interval of `under` includes 0: the ratio is then unbounded.
    """
    both = pd.concat([over, under], axis=1).to_numpy()
    both[np.isnan(both).any(1)] = np.nan
    if np.isnan(both).all():
        return None
    drawn = clusters.drawn_means(both)
    if interval(drawn)[0][1] <= 0:
        return None
    positive = drawn[drawn[:, 1] > 0]
    low, high = interval(positive[:, :1] / positive[:, 1:])
    means = np.nanmean(both, axis=0)
    return make_estimate(means[0] / means[1], (low[0], high[0]), sizes=clusters.totals(both)[1][:, 0])


def make_estimate(mean: float, bounds: tuple[float, float], sizes: np.ndarray) -> Estimate:
    """Return an estimate with rounded values.

    Args:
        bounds: of the interval.
        sizes: number of defined scores in each cluster, (K,).
    """
    values = {"mean": mean, "ci_lo": bounds[0], "ci_hi": bounds[1]}
    counts = {"n": int(sizes.sum()), "clusters": int((sizes > 0).sum())}
    return {name: significant(value) for name, value in values.items()} | counts


def add_p(estimate: Estimate, **p: float) -> Estimate:
    """Return the estimate of a difference with its p values inserted before the counts."""
    values = {name: estimate[name] for name in ("mean", "ci_lo", "ci_hi")}
    return values | {name: significant(value) for name, value in p.items()} | estimate


def significant(value: float, digits: int = DIGITS) -> float:
    """Round to a number of significant digits."""
    return float(f"{value:.{digits}g}")
