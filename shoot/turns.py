"""Take turns among choices by a low-discrepancy sequence: shares are kept in few draws, and all combinations occur.

The Rd sequence (Roberts 2018, "The unreasonable effectiveness of quasirandom sequences"): its k-th member is the
fractional part of k / x, k / x², …, where x^(d + 1) = x + 1. Base models and studies have a sequence of their own.
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from atelier.world.shards import part_of

R2 = (0.7548776662, 0.5698402910)
R3 = (0.6710436067, 0.5497004779, 0.8191725134)  # in an order that suits the products
T = TypeVar("T")


def take_turn(number: int, domain: str, start: float, steps: Sequence[float]) -> list[float]:
    """Return the numbers in [0, 1) of a shot's turn among those of its part (`part_of`), one for each step."""
    part = part_of(number, domain)
    turn = sum(part_of(before, domain) == part for before in range(number))
    return [(start + turn * step) % 1 for step in steps]


def pick(choices: Sequence[T], at: float, shares: Sequence[float] | None = None) -> T:
    """Return the choice at a place in [0, 1), where each has its share; None: equal ones."""
    if shares is None:
        return choices[int(at * len(choices))]
    ends = np.cumsum(shares) / np.sum(shares)
    return choices[min(int(np.searchsorted(ends, at, side="right")), len(choices) - 1)]
