"""Choose where the camera stands so that all of something is in the picture."""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class View:
    """Where a camera is, what it looks at, and how much it sees."""

    origin: Array  # (3,)
    target: Array  # (3,)
    half: float  # half the picture's side over the distance
    distance: float  # m


def frame(
    vertices: Array,
    pitch: float,
    rng: np.random.Generator,
    *,
    cover: tuple[float, float],
    away: float,
    shift: float = 0.04,
) -> View:
    """Frame vertices (n, 3) from the side of −y.

    Args:
        pitch: of the camera over the ground, degrees.
        cover: range of the picture's side over the larger extent of what is seen.
        away: distance of the camera over the picture's side.
        shift: largest offset from the picture's middle, of its side.
    """
    angle = np.radians(pitch)
    back = np.array([0, -np.cos(angle), np.sin(angle)])
    right = np.array([1.0, 0, 0])
    up = np.cross(right, -back)
    middles = [((vertices @ axis).min() + (vertices @ axis).max()) / 2 for axis in (right, up, back)]
    span = max(np.ptp(vertices @ right), np.ptp(vertices @ up)) * rng.uniform(*cover)
    aside, above = rng.uniform(-shift, shift, 2) * span
    target = right * (middles[0] + aside) + up * (middles[1] + above) + back * middles[2]
    distance = float(away * span)
    return View(target + back * distance, target, float(span / 2 / distance), distance)
