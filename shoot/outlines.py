"""Outlines of garments: scalar fields on the body at rest, positive inside and about the distance to the edge, m."""

import numpy as np

from shoot.cuts import LEGS, SKIRTS, TOPS, Cut
from shoot.landmarks import Landmarks
from shoot.pieces import LOWEST, Field

Array = np.ndarray
# kind of neckline: (height over the nape, m; how steeply it falls to the front; depth of a V, m)
_NECKS = {"crew": (-0.002, 0.72, 0), "scoop": (-0.008, 0.95, 0), "v": (-0.002, 0.60, 0.11), "boat": (-0.022, 0.42, 0),
          "collar": (0.012, 0.62, 0.045), "high": (0.045, 0.30, 0)}  # fmt: skip


def outlines(cut: Cut, marks: Landmarks, top_of_skirt: float) -> list[tuple[str, str, Field]]:
    """Return the pieces of a garment: style (top, legs or skirt), helper mesh and outline.

    Args:
        top_of_skirt: where the helper mesh of skirts begins, m.
    """
    parts = []
    if cut.kind in TOPS:
        hem = marks.hip - min(cut.hem, LOWEST) * marks.size
        hem = top_of_skirt - 0.045 * marks.size if cut.kind == "dress" else hem
        parts.append(("top", "helper-tights", _top_field(cut, marks, hem)))
    if cut.kind in LEGS:
        parts.append(("legs", "helper-tights", _lower_field(cut, marks, -0.02, legs=True)))
    if cut.kind in SKIRTS:
        band = -0.015 if cut.kind == "dress" else 0.0
        parts.append(("skirt", "helper-skirt", _lower_field(cut, marks, band, legs=False)))
    return parts


def _top_field(cut: Cut, marks: Landmarks, hem: float) -> Field:
    size = marks.size
    rise, slope, depth = _NECKS[cut.neck]
    nape = marks.nape + np.array([0, 0, rise * size])
    if cut.sleeve == 0:  # straps: what hangs from them must not sag
        slope, depth = min(slope, 0.85), min(depth, 0.06)

    def field(points: Array, arm: Array) -> Array:
        along, _ = marks.along_arm(points)
        x, y, z = points.T
        inside = np.where(arm > 0.4, 1.0, z - hem)
        armhole = (
            (0.42 - arm) * 0.15 if cut.sleeve == 0 else np.where(arm > 0.25, (cut.sleeve - along) * 0.52 * size, 1)
        )
        neck = (nape[2] + slope * (y - nape[1]) - z) / np.hypot(1, slope)
        inside = np.minimum(np.minimum(inside, armhole), np.where(arm > 0.3, 1.0, neck))
        front = (y < marks.middle - 0.03) & (arm < 0.3)
        if depth:  # a V from its tip up to the sides of the neck
            tip = nape[2] - (0.085 + depth) * size
            inside = np.minimum(inside, np.where(front, (np.abs(x) - (z - tip) * 0.52) / np.hypot(1, 0.52), 1.0))
        if cut.kind == "jacket":  # open in front
            half = np.interp(z, [marks.hip - 0.1, marks.waist, nape[2]], [0.050, 0.030, 0.070]) * size
            inside = np.minimum(inside, np.where(front, np.abs(x) - half, 1.0))
        return inside

    return field


def _lower_field(cut: Cut, marks: Landmarks, band: float, *, legs: bool) -> Field:
    top = marks.waist + band * marks.size
    hem = marks.waist - cut.hem * (marks.waist - marks.ankle)

    def field(points: Array, arm: Array) -> Array:
        inside = np.minimum(top - points[:, 2], points[:, 2] - hem)
        return np.where(arm > 0.4, -1.0, inside) if legs else inside

    return field
