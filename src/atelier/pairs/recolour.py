"""Colour in CIELAB: name a garment's colour, and recolour a photographed garment through its mask, folds kept."""

import numpy as np
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab

from atelier.synthetic.fashion import COLOURS_LAB

ROOM = (4.0, 97.0)  # lightness L* that a recoloured garment's shadows and highlights may reach
LEAST_GAIN = 0.5  # of the folds' contrast, kept in any case


def name_colour(pixels: np.ndarray, mask: np.ndarray) -> str:
    """The named colour nearest (ΔE2000) to the median colour inside a mask.

    Args:
        pixels: uint8 (H, W, 3).
        mask: bool (H, W), not empty.
    """
    median = np.median(_lab(pixels[mask]), axis=0)
    names = list(COLOURS_LAB)
    distances = deltaE_ciede2000(
        np.broadcast_to(median, (len(names), 3)), np.array([COLOURS_LAB[name] for name in names])
    )
    return names[int(np.argmin(distances))]


def recolour(pixels: np.ndarray, mask: np.ndarray, colour: str) -> np.ndarray:
    """Give the garment inside a mask a named colour; every other pixel stays as it is.

    Lightness keeps its variation (folds, seams, light) about the new colour's L*, compressed where that leaves the
    range, at most to half; beyond that the whole garment gets lighter or darker instead, as a white one with deep folds
    is. Chroma fades with the lightness in the shadows, as the colour of a lit fabric does.

    Args:
        pixels: uint8 (H, W, 3).
        mask: bool (H, W), not empty.
        colour: one of instructions.COLOURS.
    """
    target = np.array(COLOURS_LAB[colour])
    lightness = _lab(pixels[mask])[:, 0]
    fold = lightness - np.median(lightness)
    low, high = np.percentile(fold, (1, 99))
    gain = min(1.0, (target[0] - ROOM[0]) / max(-low, 1e-6), (ROOM[1] - target[0]) / max(high, 1e-6))
    gain = max(gain, LEAST_GAIN)
    middle = min(max(target[0], ROOM[0] - gain * low), ROOM[1] - gain * high)
    shaded = np.clip(middle + gain * fold, *ROOM)
    chroma = target[1:] * np.minimum(1.0, shaded / target[0])[:, None]
    rgb = lab2rgb(np.column_stack([shaded, chroma])[None])[0]
    recoloured = pixels.copy()
    recoloured[mask] = np.clip(rgb * 255 + 0.5, 0, 255).astype(np.uint8)
    return recoloured


def _lab(colours: np.ndarray) -> np.ndarray:
    """uint8 (N, 3) sRGB → CIELAB (N, 3)."""
    return rgb2lab(colours[None].astype(np.float64) / 255)[0]
