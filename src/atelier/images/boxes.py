"""Boxes as [x1, y1, x2, y2] in px; x2 and y2 are exclusive."""

from collections.abc import Sequence

import numpy as np

Box = list[float]


def box_of(mask: np.ndarray) -> Box:
    """Return the smallest box around the nonzero pixels of a mask, bool or numeric (H, W).

    Raises:
        ValueError: the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        raise ValueError("an empty mask has no box")
    return [float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)]


def inside_box(box: Sequence[float], width: int, height: int) -> np.ndarray:
    """Return the pixels whose centre is inside a box: bool (H, W)."""
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    return ((y >= box[1]) & (y < box[3]))[:, None] & ((x >= box[0]) & (x < box[2]))[None]


def scale_box(box: Box, scale: float, width: int, height: int) -> Box:
    """Scale the sides of a box about its centre and clip it to the picture (the editing paper, section 6.1: 1.15)."""
    x1, y1, x2, y2 = box
    x, y, half_width, half_height = (x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / 2 * scale, (y2 - y1) / 2 * scale
    return [
        max(x - half_width, 0.0),
        max(y - half_height, 0.0),
        min(x + half_width, width),
        min(y + half_height, height),
    ]
