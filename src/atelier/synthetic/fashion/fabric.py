"""Render fabrics: solid, stripes, floral, dots, plaid, and the folds that shade and bend them.

A print's period is a multiple of the autoencoder's cell, and its origin is the corner of the picture, so that an editor
whose latents are 4 px wide can learn the exact position of each dot (docs/models/editor.md: prints fixed to the body
failed).
The print follows the garment in three ways: the garment's outline clips it, its roundness bends it, its folds shade it.
"""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from atelier.text.colours import ACCENTS, COLOURS_RGB

FINE = 8  # sub-pixels per pixel in a tile


def repeat_px(size: int) -> int:
    """Return the period (stripes, dots) at a picture side of `size` px; floral and plaid have twice that period."""
    return 8 * max(1, round(size / 64))


def _blend(first: tuple[int, int, int], second: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    return tuple(round(a * (1 - share) + b * share) for a, b in zip(first, second, strict=True))


def _flower(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, petal: tuple, heart: tuple) -> None:
    for angle in np.arange(5) * 2 * np.pi / 5 - np.pi / 2:
        px, py, r = x + np.cos(angle) * radius * 0.6, y + np.sin(angle) * radius * 0.6, radius * 0.46
        draw.ellipse((px - r, py - r, px + r, py + r), fill=petal)
    draw.ellipse((x - radius * 0.34, y - radius * 0.34, x + radius * 0.34, y + radius * 0.34), fill=heart)


@lru_cache(maxsize=256)
def tile(colour: str, pattern: str, size: int) -> np.ndarray:
    """Render two periods of a fabric, box-filtered to the width of a pixel.

    Returns:
        float32 (n, n, 3) in [0, 255], n = 2 × period × FINE; cached and shared, so do not modify it.
    """
    base, accent = COLOURS_RGB[colour], ACCENTS[colour]
    unit = repeat_px(size) * FINE
    picture = Image.new("RGB", (2 * unit, 2 * unit), base)
    draw = ImageDraw.Draw(picture)
    half = unit // 2
    if pattern == "stripes":
        for top in (0, unit):
            draw.rectangle((0, top + half, 2 * unit, top + unit - 1), fill=accent)
    elif pattern == "dots":
        radius = unit * 0.27
        for column in range(2):
            for row in range(2):
                x, y = column * unit + unit / 4, row * unit + unit / 4
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=accent)
    elif pattern == "floral":
        heart = (150, 40, 60) if colour in ("yellow", "white") else (236, 176, 40)
        for x, y in ((half, half), (unit + half, unit + half)):
            _flower(draw, x, y, unit * 0.52, accent, heart)
            draw.ellipse((x + unit - 9, y - 9, x + unit + 9, y + 9), fill=_blend(base, accent, 0.6))
    elif pattern == "plaid":
        shade = (150, 150, 158) if colour == "black" else (20, 20, 24)
        dark, light = _blend(base, shade, 0.55), _blend(base, accent, 0.75)
        for start in (0, unit):
            draw.rectangle((start, 0, start + half - 1, 2 * unit), fill=_blend(base, dark, 0.6))
        for start in (0, unit):
            band = Image.new("L", picture.size, 0)
            ImageDraw.Draw(band).rectangle((0, start, 2 * unit, start + half - 1), fill=150)
            picture.paste(dark, (0, 0), band)
        line = unit + half * 3 // 2
        draw.rectangle((line - FINE // 2, 0, line + FINE // 2, 2 * unit), fill=light)
        draw.rectangle((0, line - FINE // 2, 2 * unit, line + FINE // 2), fill=light)
    values = np.asarray(picture, dtype=np.float32)
    kernel = np.ones(FINE, np.float32) / FINE  # box filter of one pixel, periodic
    for axis in (0, 1):
        values = sum(np.roll(values, shift - FINE // 2, axis) * weight for shift, weight in enumerate(kernel))
    return values


def drape(mask: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a garment's shading (a factor of the fabric) and its vertical bend in px, both float32 (H, W).

    Roundness darkens the sides and lowers a print there; a few folds, drawn with `seed`, run down and across.
    """
    size = mask.shape[0]
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(rows) == 0:
        return np.ones_like(mask, np.float32), np.zeros_like(mask, np.float32)
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    middle, half = columns.mean(), max(1.0, (columns[-1] - columns[0] + 1) / 2)
    u = np.clip((x - middle) / half, -1, 1)
    v = (y - rows[0]) / max(1, len(rows))
    shading = 1.05 - 0.16 * u**2 - 0.06 * v
    for _ in range(4):
        at, slope, depth = rng.uniform(-0.7, 0.7), rng.uniform(-0.6, 0.6), rng.uniform(0.08, 0.2)
        reach = np.clip((v - rng.uniform(0, 0.5)) * 3, 0, 1)
        shading -= depth * reach * np.exp(-(((u - at - slope * (v - 0.5)) / 0.12) ** 2))
    return shading.astype(np.float32), ((u**2 - 0.5) * size / 64).astype(np.float32)


def print_fabric(colour: str, pattern: str, shading: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """Render the shaded and bent fabric: float32 (H, W, 3) in [0, 255]."""
    size = shading.shape[0]
    if pattern == "solid":
        return np.asarray(COLOURS_RGB[colour], np.float32) * shading[..., None]
    cloth = tile(colour, pattern, size)
    y, x = np.mgrid[0:size, 0:size]
    rows = np.round((y + 0.5 - bend) * FINE).astype(int) % cloth.shape[0]
    columns = (x * FINE + FINE // 2) % cloth.shape[1]
    return cloth[rows, columns] * shading[..., None]
