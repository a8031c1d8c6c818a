"""Which faults deformed bodies have, and where."""

from dataclasses import dataclass

import numpy as np

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
