"""Deformed bodies with the typical errors of text-to-image models, to test metrics of anatomy."""

from dataclasses import replace

import numpy as np

from atelier.synthetic.poses.body import HEAD, Body, Limb, root_of

FAULTS = ("missing", "extra", "detached", "misplaced", "headless")


def _extra(rng: np.random.Generator, body: Body) -> Body:
    """Add an arm or a leg on the same side as an existing one, at another angle."""
    part, side = str(rng.choice(("arm", "leg"))), int(rng.choice((-1, 1)))
    (old,) = [limb for limb in body.limbs if (limb.part, limb.side) == (part, side)]
    if part == "arm":
        angle = old.upper + (70 if old.upper < 75 else -60)
        added = Limb("arm", side, root_of("arm", side), angle, angle + rng.uniform(-10, 10))
    else:
        angle = old.upper + rng.uniform(38, 50)
        added = Limb("leg", side, root_of("leg", side), angle, angle + rng.uniform(-8, 8))
    return replace(body, limbs=(*body.limbs, added))


def _detached(rng: np.random.Generator, limb: Limb) -> Limb:
    """Move a limb away from its joint, outward and, for a leg, downward."""
    x, y = limb.root
    gap = rng.uniform(0.12, 0.16)
    return replace(limb, root=(x + limb.side * gap, y if limb.part == "arm" else y + 0.16))


def _misplaced(rng: np.random.Generator, limb: Limb) -> Limb:
    """Attach an arm to the hip, or a leg to the shoulder."""
    other = root_of("leg" if limb.part == "arm" else "arm", limb.side)
    if limb.part == "arm":
        return replace(limb, root=(other[0] + limb.side * 0.03, other[1] - 0.02), upper=75.0, lower=75.0)
    return replace(limb, root=other, upper=150.0, lower=165.0)


def deform(rng: np.random.Generator, body: Body, fault: str) -> Body:
    """Return a correct body with one fault of FAULTS.

    missing: a limb is removed. extra: a limb is added. detached: a limb is off its joint. misplaced: a limb starts
    at the wrong joint. headless: the head is removed.
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
