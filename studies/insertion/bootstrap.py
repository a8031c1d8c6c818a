"""Means over concepts with intervals, by a bootstrap in two stages.

A draw takes as many concepts as there are, with replacement, and of each as many of its pictures, with replacement. All
methods are drawn alike: pictures of one concept and number start from the same noise, so that differences are paired.
Four concepts are few: an interval over so few clusters is too narrow, and says what might be, not what is certain.

Legend: C concepts, P pictures of each, D draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from atelier.stats.bootstrap import interval
from atelier.stats.estimate import significant

ORDER = ["concept", "kind", "place", "number"]


@dataclass(frozen=True)
class Cell:
    """A mean over concepts, its 95 % interval and the number of pictures."""

    mean: float
    ci_lo: float
    ci_hi: float
    n: int

    def json(self) -> dict[str, float]:
        """With as many digits as survive another machine."""
        return {key: value if key == "n" else significant(value) for key, value in vars(self).items()}


@cache
def _draw(concepts: int, pictures: int, draws: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Concepts (D, C, 1) and pictures (D, C, P) of every draw."""
    rng = np.random.default_rng(seed)
    return rng.integers(concepts, size=(draws, concepts, 1)), rng.integers(pictures, size=(draws, concepts, pictures))


def cell(scores: np.ndarray, draws: int, seed: int) -> Cell:
    """The mean of scores (C, P), or of differences of them, with its interval."""
    drawn = scores[_draw(*scores.shape, draws, seed)].mean((1, 2))
    lo, hi = interval(drawn[:, None])
    return Cell(float(scores.mean()), float(lo[0]), float(hi[0]), scores.size)


def grid(scores: pd.DataFrame, method: str, measure: str, at: str = "final", kinds: Sequence[str] = ()) -> np.ndarray:
    """Scores of one method as (C, P): concepts in the order of their names, pictures in that of kind, place and number.

    Raises:
        ValueError: the concepts have not as many pictures each, or none is scored.
    """
    rows = scores[(scores["method"] == method) & (scores["at"] == at) & scores[measure].notna()]
    if kinds:
        rows = rows[rows["kind"].isin(kinds)]
    rows = rows.sort_values(ORDER, kind="stable")
    counts = rows.groupby("concept").size()
    if counts.nunique() != 1:
        raise ValueError(f"{method} at {at}: {measure}: pictures by concept {counts.to_dict()}")
    return rows[measure].to_numpy(float).reshape(len(counts), -1)
