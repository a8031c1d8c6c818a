"""What one rater is shown, in which order and on which sides: seed, rater and pairs decide, so it can be resumed.

Every pair comes once. Then a share of those from the first half of the rater's own order come again with their sides
swapped, for self-agreement: at least half of the survey lies between the two.
"""

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass

MAX_REPEATS = 0.5  # of the pairs: only the first half can come again


@dataclass(frozen=True)
class Showing:
    """One screen: a pair, and whether its picture A stands on the left."""

    pair_id: str
    a_is_left: bool
    repeat: bool


def plan_showings(pair_ids: Iterable[str], rater: str, *, seed: int, repeats: float) -> list[Showing]:
    """The rater's screens in order.

    Args:
        repeats: share of the pairs that come again, from 0 to MAX_REPEATS; rounded up, to at most half of the pairs.
    """
    order = sorted(pair_ids)
    rng = random.Random(f"{seed}\0{rater}")
    rng.shuffle(order)
    half = order[: math.ceil(len(order) / 2)]
    again = rng.sample(half, min(len(half), math.ceil(round(repeats * len(order), 9))))
    sides = {name: random.Random(f"{seed}\0{rater}\0{name}").random() < 0.5 for name in order}
    first = [Showing(name, sides[name], repeat=False) for name in order]
    return first + [Showing(name, not sides[name], repeat=True) for name in again]
