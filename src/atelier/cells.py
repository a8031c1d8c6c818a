"""Tables of scores → cells of a report: means with intervals, paired differences with p, ratios.

A cell is {mean, ci_lo, ci_hi, n, clusters}: n edits of so many source pictures. A difference also has p and p_holm.

Legend: E edits, M measures. Tables are E × M, NaN where a measure is not defined.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from atelier.measures.statistics import Clusters, holm, interval, sign_flip_p

DIGITS = 6  # significant digits in reports: below them, rounding differs from machine to machine

Cell = dict[str, float | int]


def describe(tables: Mapping[str, pd.DataFrame], clusters: Clusters) -> dict[str, dict[str, Cell]]:
    """Table's name → measure → cell, for each measure that is defined for some edit; all tables in one resampling."""
    defined = {name: table.dropna(axis="columns", how="all") for name, table in tables.items()}
    values = np.concatenate([table.to_numpy(float) for table in defined.values()], axis=1)
    if not values.size:
        return {name: {} for name in defined}
    low, high = interval(clusters.drawn_means(values))
    sums, sizes = clusters.totals(values)
    means = sums.sum(0) / sizes.sum(0)
    cells = (make_cell(mean, bounds, sizes=size) for mean, *bounds, size in zip(means, low, high, sizes.T, strict=True))
    return {name: {measure: next(cells) for measure in table.columns} for name, table in defined.items()}


def compare(differences: pd.DataFrame, clusters: Clusters, draws: int, seed: int) -> dict[str, Cell]:
    """Measure → cell of paired differences, with p of the sign-flip test and p_holm over these measures."""
    table = differences.dropna(axis="columns", how="all")
    if table.empty:
        return {}
    p = sign_flip_p(clusters, table.to_numpy(float), draws, seed)
    cells = describe({"": table}, clusters)[""]
    return {
        name: add_p(cell, p=one, p_holm=adjusted)
        for (name, cell), one, adjusted in zip(cells.items(), p, holm(p), strict=True)
    }


def ratio(over: pd.Series, under: pd.Series, clusters: Clusters) -> Cell | None:
    """Ratio of two means over the edits that have both.

    None where no edit has both, or the interval of `under` reaches down to 0: such a ratio has no bounds.
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
    return make_cell(means[0] / means[1], (low[0], high[0]), sizes=clusters.totals(both)[1][:, 0])


def make_cell(mean: float, bounds: tuple[float, float], sizes: np.ndarray) -> Cell:
    """A cell, its figures rounded.

    Args:
        bounds: of the interval.
        sizes: number of defined scores in each cluster.
    """
    figures = {"mean": mean, "ci_lo": bounds[0], "ci_hi": bounds[1]}
    counts = {"n": int(sizes.sum()), "clusters": int((sizes > 0).sum())}
    return {name: significant(value) for name, value in figures.items()} | counts


def add_p(cell: Cell, **p: float) -> Cell:
    """The cell of a difference with its p values before the counts."""
    figures = {name: cell[name] for name in ("mean", "ci_lo", "ci_hi")}
    return figures | {name: significant(value) for name, value in p.items()} | cell


def significant(value: float, digits: int = DIGITS) -> float:
    """A number with so many significant digits."""
    return float(f"{value:.{digits}g}")
