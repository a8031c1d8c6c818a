"""Fit upright pictures, masks and boxes into one square, all three by the same plan. Aspect ratios are kept."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from atelier.images.boxes import Box
from atelier.images.tensors import inside_mask, mask_pixels

PAD = 255  # letterbox padding: white, the usual studio background


@dataclass(frozen=True)
class Fit:
    """Which region of a picture is used, and where in the square it is placed: each (x1, y1, x2, y2), px."""

    size: int
    region: tuple[float, float, float, float]
    place: tuple[int, int, int, int]


def plan_fit(width: int, height: int, size: int, fit: str) -> Fit:
    """Plan how a width × height picture fits the square: letterbox keeps all of it, crop its central square."""
    if fit == "crop":
        side = min(width, height)
        x, y = (width - side) / 2, (height - side) / 2
        return Fit(size, (x, y, x + side, y + side), (0, 0, size, size))
    scale = size / max(width, height)
    new_width, new_height = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (size - new_width) // 2, (size - new_height) // 2
    return Fit(size, (0, 0, width, height), (left, top, left + new_width, top + new_height))


def _place(layer: Image.Image, fit: Fit, resample: Image.Resampling, pad: int | tuple[int, int, int]) -> np.ndarray:
    left, top, right, bottom = fit.place
    side = (right - left, bottom - top)
    same = fit.region == (0, 0, *layer.size) and side == layer.size
    small = layer if same else layer.resize(side, resample, box=fit.region)
    if side == (fit.size, fit.size):
        return np.asarray(small)
    canvas = Image.new(layer.mode, (fit.size, fit.size), pad)
    canvas.paste(small, (left, top))
    return np.asarray(canvas)


def fit_picture(picture: Image.Image, fit: Fit) -> np.ndarray:
    """Fit an RGB picture: uint8 (size, size, 3)."""
    return _place(picture, fit, Image.Resampling.LANCZOS, (PAD, PAD, PAD))


def fit_mask(inside: np.ndarray, fit: Fit) -> np.ndarray:
    """Fit a mask, bool (H, W), into uint8 (size, size): 255 where it covers at least half of a pixel, else 0."""
    layer = Image.fromarray(inside.astype(np.uint8) * 255)
    return mask_pixels(inside_mask(_place(layer, fit, Image.Resampling.BOX, 0)))


def fit_box(box: Box, fit: Fit) -> Box | None:
    """Map a box to px of the square, clipped to the region that the fit keeps; None if nothing of it is left."""
    (x1, y1, x2, y2), (left, top, right, bottom) = fit.region, fit.place
    scale = np.tile([(right - left) / (x2 - x1), (bottom - top) / (y2 - y1)], 2)
    placed = (np.asarray(box) - [x1, y1, x1, y1]) * scale + [left, top, left, top]
    clipped = placed.clip([left, top, left, top], [right, bottom, right, bottom])
    return clipped.tolist() if clipped[2] > clipped[0] and clipped[3] > clipped[1] else None
