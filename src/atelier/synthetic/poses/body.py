"""Bodies in a pose: a head, a torso and four two-part limbs, as lengths and angles.

Coordinates: x from the body's middle, positive to the right in the picture; y from the top of the head (0) to the
soles (1); in body heights. Angles are degrees from straight down, positive outward.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

Point = tuple[float, float]

UPRIGHT = ("standing", "walking", "waving", "jumping")
POSES = (*UPRIGHT, "lying")

NECK: Point = (0.0, 0.185)
HEAD: Point = (0.0, 0.09)  # centre
SHOULDER: Point = (0.125, 0.225)  # right side; the left side is mirrored
HIP: Point = (0.078, 0.52)
LENGTHS = {"arm": (0.165, 0.165), "leg": (0.22, 0.22)}  # to the elbow or knee, and from there to the wrist or ankle


@dataclass(frozen=True)
class Limb:
    """An arm or a leg, from its root joint."""

    part: Literal["arm", "leg"]
    side: int  # −1 left in the picture, +1 right
    root: Point  # shoulder or hip
    upper: float  # angle of the upper arm or the thigh
    lower: float  # angle of the forearm or the shin, also from straight down

    @property
    def joints(self) -> tuple[Point, Point, Point]:
        """Shoulder, elbow and wrist, or hip, knee and ankle."""
        points = [self.root]
        for angle, length in zip((self.upper, self.lower), LENGTHS[self.part], strict=True):
            x, y = points[-1]
            turn = math.radians(angle)
            points.append((x + self.side * math.sin(turn) * length, y + math.cos(turn) * length))
        return points[0], points[1], points[2]


@dataclass(frozen=True)
class Body:
    pose: str  # one of POSES
    limbs: tuple[Limb, ...]
    head: Point = HEAD
    turn: float = 0.0  # clockwise in the picture, degrees; about ±90 for a lying body
    build: float = 1.0  # width; 1 is average


def root_of(part: str, side: int) -> Point:
    """Return the shoulder or hip of a side."""
    x, y = SHOULDER if part == "arm" else HIP
    return side * x, y


def _arm(side: int, upper: float, lower: float) -> Limb:
    return Limb("arm", side, root_of("arm", side), upper, lower)


def _leg(side: int, upper: float, lower: float) -> Limb:
    return Limb("leg", side, root_of("leg", side), upper, lower)


def _hanging(rng: np.random.Generator, side: int) -> Limb:
    upper = rng.uniform(22, 42)
    return _arm(side, upper, upper + rng.uniform(-18, 12))


def _raised(rng: np.random.Generator, side: int) -> Limb:
    return _arm(side, rng.uniform(95, 130), rng.uniform(140, 175))


def _straight(rng: np.random.Generator, side: int) -> Limb:
    upper = rng.uniform(5, 11)
    return _leg(side, upper, upper - rng.uniform(-2, 4))


def _strided(rng: np.random.Generator, side: int) -> Limb:
    upper = rng.uniform(16, 26)
    return _leg(side, upper, upper - rng.uniform(6, 20))


def _limbs(rng: np.random.Generator, pose: str) -> list[Limb]:
    if pose == "standing":
        return [make(rng, side) for side in (-1, 1) for make in (_hanging, _straight)]
    if pose == "walking":
        swung = rng.choice((-1, 1))
        arms = [_arm(side, rng.uniform(38, 60), rng.uniform(60, 95) if side == swung else 30) for side in (-1, 1)]
        return [*arms, *(_strided(rng, side) for side in (-1, 1))]
    if pose == "waving":
        raised = rng.choice((-1, 1))
        arms = [(_raised if side == raised else _hanging)(rng, side) for side in (-1, 1)]
        return [*arms, *(_straight(rng, side) for side in (-1, 1))]
    if pose == "jumping":
        arms = [_raised(rng, side) for side in (-1, 1)]
        return [*arms, *(_leg(side, rng.uniform(28, 40), rng.uniform(0, 25)) for side in (-1, 1))]
    arms = []
    for side in (-1, 1):  # lying: arms at any angle from the hip to next to the head
        upper = rng.uniform(28, 110)
        arms.append(_arm(side, upper, min(upper + rng.uniform(-20, 30), 130)))
    legs = []
    for side in (-1, 1):
        upper = rng.uniform(6, 26)
        legs.append(_leg(side, upper, upper - rng.uniform(-4, 18)))
    return [*arms, *legs]


def sample_body(rng: np.random.Generator, pose: str) -> Body:
    """Sample a correct body: two arms and two legs, each at its joint. A lying body is seen from above, on its back."""
    turn = rng.choice((-90.0, 90.0)) + rng.uniform(-10, 10) if pose == "lying" else rng.uniform(-3, 3)
    limbs = tuple(_limbs(rng, pose))
    return Body(pose, limbs, turn=float(turn), build=float(rng.uniform(0.94, 1.06)))
