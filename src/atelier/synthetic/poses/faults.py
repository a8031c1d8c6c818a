"""Bodies gone wrong, in the ways in which text-to-image models get people wrong: to test what is to notice it."""

from dataclasses import replace

import numpy as np

from atelier.synthetic.poses.body import HEAD, Body, Limb, root_of

FAULTS = ("missing", "extra", "detached", "misplaced", "headless")


def _extra(rng: np.random.Generator, body: Body) -> Body:
    """One arm or leg too many: of its own side, between or beyond the ones that are there."""
    kind, side = str(rng.choice(("arm", "leg"))), int(rng.choice((-1, 1)))
    (old,) = [limb for limb in body.limbs if (limb.kind, limb.side) == (kind, side)]
    if kind == "arm":
        angle = old.upper + (70 if old.upper < 75 else -60)
        added = Limb("arm", side, root_of("arm", side), angle, angle + rng.uniform(-10, 10))
    else:
        angle = old.upper + rng.uniform(38, 50)
        added = Limb("leg", side, root_of("leg", side), angle, angle + rng.uniform(-8, 8))
    return replace(body, limbs=(*body.limbs, added))


def _detached(rng: np.random.Generator, limb: Limb) -> Limb:
    """The limb a gap away from its joint, outward and, for a leg, down."""
    x, y = limb.root
    gap = rng.uniform(0.12, 0.16)
    return replace(limb, root=(x + limb.side * gap, y if limb.kind == "arm" else y + 0.16))


def _misplaced(rng: np.random.Generator, limb: Limb) -> Limb:
    """An arm that grows from the hip, or a leg that grows from the shoulder."""
    other = root_of("leg" if limb.kind == "arm" else "arm", limb.side)
    if limb.kind == "arm":
        return replace(limb, root=(other[0] + limb.side * 0.03, other[1] - 0.02), upper=75.0, lower=75.0)
    return replace(limb, root=other, upper=150.0, lower=165.0)


def deform(rng: np.random.Generator, body: Body, fault: str) -> Body:
    """The body with one fault of FAULTS.

    missing: one limb fewer. extra: one more. detached: one hangs in the air. misplaced: one grows from the wrong joint.
    headless: the head is gone.

    Args:
        body: a correct one.
    """
    if fault == "extra":
        return _extra(rng, body)
    if fault == "headless":
        return replace(body, head=(HEAD[0], HEAD[1] - 9.0))  # far outside the picture
    chosen = int(rng.integers(len(body.limbs)))
    limbs = list(body.limbs)
    if fault == "missing":
        del limbs[chosen]
    elif fault == "detached":
        limbs[chosen] = _detached(rng, limbs[chosen])
    else:
        limbs[chosen] = _misplaced(rng, limbs[chosen])
    return replace(body, limbs=tuple(limbs))
