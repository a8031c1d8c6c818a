"""Means over concepts with intervals, by a bootstrap in two stages.

A draw takes as many concepts as there are, with replacement, and of each as many of its images, with replacement. All
methods share the draws: images of one concept and number start from the same noise, so that differences are paired.
With four concepts the interval is too narrow.

`atelier.stats.bootstrap` draws clusters and keeps their members; here the members are drawn, too.

Legend: C concepts, P images of each, D draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from atelier.stats.bootstrap import interval
from atelier.stats.estimate import significant

SORTED_BY = ["concept", "kind", "place", "number"]


@dataclass(frozen=True)
class Cell:
    """A mean over concepts, its 95 % interval and the number of images."""

    mean: float
    ci_lo: float
    ci_hi: float
    n: int

    def json(self) -> dict[str, float]:
        """Round to the digits that are the same on other machines."""
        return {key: value if key == "n" else significant(value) for key, value in vars(self).items()}


@cache
def _draw(concepts: int, pictures: int, draws: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw concepts (D, C, 1) and images (D, C, P)."""
    rng = np.random.default_rng(seed)
    return rng.integers(concepts, size=(draws, concepts, 1)), rng.integers(pictures, size=(draws, concepts, pictures))


def cell(scores: np.ndarray, draws: int, seed: int) -> Cell:
    """Return the mean of scores, or of their differences, (C, P), with its interval."""
    drawn = scores[_draw(*scores.shape, draws, seed)].mean((1, 2))
    lo, hi = interval(drawn[:, None])
    return Cell(float(scores.mean()), float(lo[0]), float(hi[0]), scores.size)


def grid(scores: pd.DataFrame, method: str, measure: str, at: str = "final", kinds: Sequence[str] = ()) -> np.ndarray:
    """Return the scores of one method, (C, P): concepts sorted by name, images by kind, place and number.

    Raises:
        ValueError: the concepts differ in their number of images, or none is scored.
    """
    rows = scores[(scores["method"] == method) & (scores["at"] == at) & scores[measure].notna()]
    if kinds:
        rows = rows[rows["kind"].isin(kinds)]
    rows = rows.sort_values(SORTED_BY, kind="stable")
    counts = rows.groupby("concept").size()
    if counts.nunique() != 1:
        raise ValueError(f"{method} at {at}: {measure}: images by concept {counts.to_dict()}")
    return rows[measure].to_numpy(float).reshape(len(counts), -1)
