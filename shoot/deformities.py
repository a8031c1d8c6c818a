"""Which faults deformed bodies have, and what they do to the points of a limb.

Legend: vertices (n, 3), m; weights (n,): their shares that move with the limb; x to the person's left, z up.
"""

from dataclasses import dataclass

import numpy as np

from shoot.poses import turn_about

Array = np.ndarray

FAULTS = ("missing", "extra", "detached", "misplaced", "headless", "long", "bent")
COPIES = ("extra", "detached", "misplaced")  # faults with a limb that is shown at another place


@dataclass(frozen=True)
class Fault:
    """What is wrong with a body.

    Attributes:
        kind: one of FAULTS.
        part: arm, leg or head.
        side: L or R of the person; "" for the head.
        whole: whether a missing limb is missing from its root, not from elbow or knee.
        amount: where a copy or a bent limb turns to, degrees; how long a limb becomes, as a factor.
    """

    kind: str
    part: str
    side: str
    whole: bool
    amount: float


def sample_fault(kind: str, rng: np.random.Generator) -> Fault:
    """Draw a fault of a kind."""
    part, side = str(rng.choice(["arm", "leg"])), str(rng.choice(["L", "R"]))
    if kind == "headless":
        return Fault(kind, "head", "", True, 0.0)
    amount = {
        "extra": rng.uniform(45, 75) if part == "arm" else rng.uniform(34, 48),
        "misplaced": rng.uniform(30, 60),
        "long": rng.uniform(1.7, 2.2),
        "bent": rng.uniform(75, 110),
    }.get(kind, 0.0)
    return Fault(kind, part, side, bool(rng.random() < 0.5) or kind != "missing", float(amount))


def shrink_limb(vertices: Array, weights: Array, joint: Array, way: Array, long: float) -> Array:
    """Shorten a limb to a round stump, (n, 3)."""
    along = np.maximum((vertices - joint) @ way, 0)
    off = vertices - joint - np.outer((vertices - joint) @ way, way)
    kept = long * (1 - np.exp(-along / long))
    round_ = np.sqrt(np.maximum(1 - (kept / long) ** 2, 0))
    below = np.minimum((vertices - joint) @ way, 0)
    stump = joint + np.outer(kept + below, way) + off * round_[:, None]
    return vertices + weights[:, None] * (stump - vertices)


def stretch_limb(vertices: Array, weights: Array, joint: Array, way: Array, length: float, factor: float) -> Array:
    """Lengthen forearm or shin; hand and foot keep their size."""
    along = np.clip((vertices - joint) @ way, 0, length)
    return vertices + np.outer(weights * along * (factor - 1), way)


def bend_limb(vertices: Array, weights: Array, joint: Array, fault: Fault) -> Array:
    """Bend elbow or knee sideways, which neither can; the limb stays in the plane of the body's front."""
    side = 1 if fault.side == "L" else -1
    turn = turn_about([0, 1, 0], -side * fault.amount)
    return vertices + weights[:, None] * ((vertices - joint) @ turn.T + joint - vertices)
