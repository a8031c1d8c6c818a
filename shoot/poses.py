"""Poses, given as directions of the limbs, and the rotation of every bone that takes them.

Legend: x to the person's left, y to the back, z up, m. Rotations are (3, 3), for column vectors.
"""

import numpy as np

Array = np.ndarray
Pose = tuple[str, str, str, str]  # left arm, right arm, left leg, right leg

# (outward, forward, up) of upper arm and forearm
ARMS = {
    "side": ((0.30, 0.00, -1), (0.20, 0.18, -1)),
    "relaxed": ((0.26, -0.06, -1), (0.12, 0.38, -1)),
    "out": ((0.60, 0.00, -1), (0.55, 0.20, -1)),
    "hip": ((0.78, -0.22, -1), (-0.62, 0.42, -0.70)),
    "front": ((0.42, 0.00, -1), (-0.40, 1.00, -0.12)),
    "pocket": ((0.46, -0.28, -1), (0.02, 0.42, -1)),
    "forward": ((0.20, 0.35, -1), (0.05, 0.75, -0.8)),
    "back": ((0.25, -0.35, -1), (0.12, -0.10, -1)),
    "raised": ((0.95, 0.25, -0.25), (0.30, 0.45, 0.95)),
    "wave": ((0.95, 0.10, -0.1), (0.35, 0.25, 1.0)),
    "up": ((0.70, 0.10, 0.75), (0.35, 0.15, 1.0)),
    "flat": ((0.40, -0.14, -1), (0.30, -0.10, -1)),
    "spread": ((1.0, -0.14, -0.30), (1.0, -0.10, -0.25)),
    "overhead": ((0.85, -0.10, 0.35), (0.45, -0.06, 1.0)),
    "belly": ((0.50, -0.16, -1), (-0.80, 0.42, -0.35)),
    "ahead": ((-0.20, 1.0, -0.25), (-0.10, 1.0, 0.25)),
    "prop": ((0.40, -0.80, -0.75), (0.20, -0.60, -0.85)),
    "prone": ((0.45, -0.08, -1), (0.30, -0.06, -1)),
    "prone up": ((0.85, -0.05, 0.35), (-0.10, -0.05, 1.0)),
    "lap": ((0.25, 0.35, -1), (-0.10, 0.95, -0.35)),
}
# … of thigh and shin
LEGS = {
    "stand": ((0.07, 0.00, -1), (0.03, -0.02, -1)),
    "wide": ((0.20, 0.02, -1), (0.16, -0.02, -1)),
    "rest": ((0.17, 0.18, -1), (0.12, -0.12, -1)),
    "forward": ((0.05, 0.36, -1), (0.04, 0.10, -1)),
    "behind": ((0.05, -0.20, -1), (0.04, -0.55, -1)),
    "leap": ((0.35, 0.25, -1), (0.25, -0.75, -0.8)),
    "flat": ((0.10, 0.01, -1), (0.08, -0.02, -1)),
    "apart": ((0.30, 0.01, -1), (0.24, -0.02, -1)),
    "prone": ((0.12, 0.07, -1), (0.08, 0.03, -1)),
    "knee up": ((0.12, 0.80, -0.75), (0.06, -0.62, -0.85)),
    "bent": ((-0.02, 0.75, -0.75), (0.00, -0.45, -1)),
    "ahead": ((0.14, 1.0, 0.02), (0.08, 1.0, -0.04)),
    "crooked": ((0.16, 0.90, 0.42), (0.06, 0.75, -0.62)),
}
STANDING: tuple[Pose, ...] = (
    ("side", "side", "stand", "stand"),
    ("relaxed", "relaxed", "stand", "rest"),
    ("hip", "relaxed", "rest", "stand"),
    ("side", "hip", "stand", "rest"),
    ("hip", "hip", "wide", "stand"),
    ("front", "front", "stand", "stand"),
    ("pocket", "pocket", "rest", "stand"),
    ("pocket", "relaxed", "stand", "rest"),
    ("out", "out", "wide", "wide"),
    ("front", "side", "stand", "rest"),
)
MOVING: tuple[Pose, ...] = (
    ("forward", "back", "behind", "forward"),
    ("back", "forward", "forward", "behind"),
    ("wave", "relaxed", "stand", "rest"),
    ("raised", "hip", "rest", "stand"),
    ("out", "relaxed", "stand", "forward"),
    ("relaxed", "front", "forward", "behind"),
)
_TWIST = {"hip": -50, "front": 20, "pocket": -10}  # of the forearm, degrees
_PITCH = {
    "forward": -14,
    "behind": 38,
    "flat": 30,
    "apart": 30,
    "bent": 20,
    "leap": 40,
    "prone": 78,
    "ahead": -70,
}  # of the foot, degrees


def turn_between(start: Array, end: Array) -> Array:
    """Return the smallest rotation that takes one direction, (3,), to another."""
    start, end = start / np.linalg.norm(start), end / np.linalg.norm(end)
    cross = _cross_matrix(np.cross(start, end))
    return np.eye(3) + cross + cross @ cross / (1 + start @ end + 1e-9)


def turn_about(axis: Array, degrees: float) -> Array:
    """Return the rotation about an axis, (3,)."""
    axis = np.asarray(axis, float)
    cross, angle = _cross_matrix(axis / np.linalg.norm(axis)), np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _cross_matrix(v: Array) -> Array:
    return np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])


class _Skeleton:
    """The joints of one person at rest, and the rotations that are being set."""

    def __init__(self, bones: list[str], heads: Array) -> None:
        self.number = {name: n for n, name in enumerate(bones)}
        self.heads = heads
        self.turns = np.tile(np.eye(3), (len(bones), 1, 1))

    def head(self, bone: str) -> Array:
        return self.heads[self.number[bone]]

    def set(self, bone: str, turn: Array) -> Array:
        self.turns[self.number[bone]] = turn
        return turn


def pose_bones(bones: list[str], heads: Array, pose: Pose, rng: np.random.Generator) -> Array:
    """Return the rotation of every bone, (bones, 3, 3), for a pose with some jitter.

    Args:
        heads: joints of the person at rest, (bones, 3), m.
    """
    skeleton = _Skeleton(bones, heads)
    roll, pitch, twist = rng.normal(0, [2.5, 1.5, 6.0])
    root = skeleton.set("root", turn_about([0, 1, 0], roll) @ turn_about([1, 0, 0], pitch))
    for bone in ("spine05", "spine04", "spine03", "spine02"):
        lean = turn_about([0, 1, 0], -roll / 4 + rng.normal(0, 0.8))
        skeleton.set(bone, lean @ turn_about([0, 0, 1], twist / 4))
    skeleton.set("neck02", turn_about([0, 0, 1], rng.normal(0, 5)) @ turn_about([1, 0, 0], rng.normal(0, 3)))
    skeleton.set("head", turn_about([0, 0, 1], rng.normal(0, 6)) @ turn_about([0, 1, 0], rng.normal(0, 4)))
    for side, tag, arm, leg in ((1, "L", pose[0], pose[2]), (-1, "R", pose[1], pose[3])):
        _pose_arm(skeleton, side, tag, arm, rng)
        _pose_leg(skeleton, side, tag, leg, root, rng)
    return skeleton.turns


def _direction(given: tuple[float, float, float], side: int, jitter: float, rng: np.random.Generator) -> Array:
    """Convert (outward, forward, up) to x, y, z, with jitter."""
    outward, forward, up = np.array(given) + rng.normal(0, jitter, 3)
    return np.array([outward * side, -forward, up])


def _pose_arm(skeleton: _Skeleton, side: int, tag: str, arm: str, rng: np.random.Generator) -> None:
    upper, fore = (_direction(given, side, 0.05, rng) for given in ARMS[arm])
    shoulder, elbow, wrist = (skeleton.head(f"{bone}.{tag}") for bone in ("upperarm01", "lowerarm01", "wrist"))
    lift = max(0.0, upper[2] / np.linalg.norm(upper) + 0.75) * 22  # the collarbone follows a raised arm
    collar = skeleton.set(f"clavicle.{tag}", turn_about([0, side, 0], 5 - lift))
    turned = skeleton.set(f"upperarm01.{tag}", turn_between(elbow - shoulder, collar.T @ upper))
    skeleton.set(f"lowerarm01.{tag}", turn_between(wrist - elbow, (collar @ turned).T @ fore))
    skeleton.set(f"lowerarm02.{tag}", turn_about(wrist - elbow, side * _TWIST.get(arm, -12)))
    skeleton.set(f"wrist.{tag}", turn_about([0, side, 0], rng.normal(4, 6)))
    palm = np.cross(skeleton.head(f"finger2-1.{tag}") - wrist, skeleton.head(f"finger5-1.{tag}") - wrist)
    palm *= -np.sign(palm[2])
    curl = rng.uniform(14, 32) * (1.6 if arm in ("hip", "pocket") else 1)
    for finger in (2, 3, 4, 5):
        axis = np.cross(skeleton.head(f"finger{finger}-2.{tag}") - skeleton.head(f"finger{finger}-1.{tag}"), palm)
        for joint in (1, 2, 3):
            skeleton.set(f"finger{finger}-{joint}.{tag}", turn_about(axis, curl * (0.7 if joint == 1 else 1)))


def _pose_leg(skeleton: _Skeleton, side: int, tag: str, leg: str, root: Array, rng: np.random.Generator) -> None:
    thigh, shin = (_direction(given, side, 0.02, rng) for given in LEGS[leg])
    hip, knee, foot = (skeleton.head(f"{bone}.{tag}") for bone in ("upperleg01", "lowerleg01", "foot"))
    upper = skeleton.set(f"upperleg01.{tag}", turn_between(knee - hip, thigh))
    lower = skeleton.set(f"lowerleg01.{tag}", turn_between(foot - knee, upper.T @ shin))
    level = turn_about([0, 0, 1], side * rng.uniform(2, 14)) @ turn_about([1, 0, 0], _PITCH.get(leg, 0))
    skeleton.set(f"foot.{tag}", (root @ upper @ lower).T @ level)
    if leg == "behind":
        for toe in range(1, 6):
            skeleton.set(f"toe{toe}-1.{tag}", turn_about([1, 0, 0], -28))
