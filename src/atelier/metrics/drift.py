"""Geometric drift: how far an edit has moved, scaled or sheared what should stay.

Editors that draw the whole picture anew often return it a few pixels aside or a percent larger. Pixel errors count that
as damage everywhere, and no similarity of features names it. Here the affine map f that lays the source over the edit
is estimated outside the garment, and reported as

    right, down   f(c) − c at the picture's centre c, px
    zoom          √|det f| − 1, %; positive: what stays is larger in the edit
    moved         root mean square of |f(x) − x| over the pixels x outside, % of the longer side

f maximises the enhanced correlation coefficient (ECC) of Evangelidis and Psarakis 2008 ("Parametric Image Alignment
Using Enhanced Correlation Coefficient Maximization"), as OpenCV computes it, from coarse to fine. It does not depend on
brightness and contrast, and it has fractions of a pixel.

Legend: H W pixels.
"""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import cv2
import numpy as np

LARGEST, SMALLEST, LEVELS = 512, 48, 4  # longer sides that pictures are compared at, px; how often they are halved
STEPS, LEAST_STEP = 60, 1e-5  # of ECC at each size: most iterations, least increase of the correlation
MARGIN = 3  # px around the garment, at the size compared: its edge belongs to it
LEAST_AREA = 0.02  # of the picture, below which nothing is measured
LEAST_CORRELATION = 0.5  # below it the two do not show the same, or what was found is no map
SMOOTHING = 3  # side of ECC's Gaussian window, px
UNDEFINED = math.nan


@dataclass(frozen=True)
class Drift:
    """What became of the part that should stay; all NaN where that cannot be told."""

    right: float = UNDEFINED  # px of the source
    down: float = UNDEFINED
    zoom: float = UNDEFINED  # %
    moved: float = UNDEFINED  # % of the longer side, 0 or more: all of it in one number
    correlation: float = UNDEFINED  # of source and edit, laid over each other: 1 if they are alike

    @property
    def shift(self) -> float:
        """How far the picture's centre has moved, px."""
        return math.hypot(self.right, self.down)


def measure_drift(source: np.ndarray, edited: np.ndarray, garment: np.ndarray | None = None) -> Drift:
    """Return how an edit moved what is outside the garment.

    Every field is NaN if hardly anything is outside, if it has no texture, or if the edit does not show it any more.

    Args:
        source: uint8 (H, W, 3).
        edited: uint8 (H, W, 3).
        garment: of the source, where a change is wanted: bool (H, W); None: nowhere.

    Raises:
        ValueError: the sizes differ.
    """
    if source.shape != edited.shape or (garment is not None and garment.shape != source.shape[:2]):
        shapes = source.shape, edited.shape, None if garment is None else garment.shape
        raise ValueError(f"expected pictures (H, W, 3) and a mask (H, W) of one size, got {shapes}")
    height, width = source.shape[:2]
    outside = np.ones((height, width), bool) if garment is None else ~garment
    greys = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) for picture in (source, edited)]
    warp, correlation, before = np.eye(2, 3, dtype=np.float32), UNDEFINED, None
    for size in _sizes(width, height):
        if before is not None:
            warp[:, 2] *= np.array(size, np.float32) / before
        resized = [cv2.resize(grey, size, interpolation=cv2.INTER_AREA) for grey in greys]
        correlation, warp = _align(resized, _usable(outside, size), warp)
        before = np.array(size, np.float32)
    return _describe(warp, before, outside, correlation) if correlation >= LEAST_CORRELATION else Drift()


def _align(greys: Sequence[np.ndarray], usable: np.ndarray, warp: np.ndarray) -> tuple[float, np.ndarray]:
    """Improve a map from places in the edit to places in the source, at one size.

    Args:
        greys: of source and edit, float32 (H, W).
        usable: pixels of the source that are compared, uint8 (H, W) in {0, 1}.
        warp: the map to start from, float32 (2, 3).

    Returns:
        The correlation of the two under the new map, and this map; NaN and the old map if none is found.
    """
    if usable.mean() >= LEAST_AREA:
        criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, STEPS, LEAST_STEP)
        source, edited = greys
        # no texture, or it does not converge: OpenCV raises
        with suppress(cv2.error):
            return cv2.findTransformECC(edited, source, warp.copy(), cv2.MOTION_AFFINE, criteria, usable, SMOOTHING)
    return UNDEFINED, warp


def _sizes(width: int, height: int) -> list[tuple[int, int]]:
    """Return the sizes (width, height) at which pictures are compared, from coarse to fine."""
    longer = max(width, height)
    scales = [min(1.0, LARGEST / longer) / 2**level for level in range(LEVELS)]
    kept = [scale for scale in scales if scale * longer >= SMALLEST] or scales[:1]
    return [(max(1, round(width * scale)), max(1, round(height * scale))) for scale in reversed(kept)]


def _usable(outside: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the pixels of a size that lie outside and a margin away from the garment: uint8 in {0, 1}."""
    shares = cv2.resize(outside.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    window = np.ones((2 * MARGIN + 1, 2 * MARGIN + 1), np.uint8)
    return cv2.erode((shares > 0.99).astype(np.uint8), window, borderType=cv2.BORDER_REPLICATE)


def _describe(warp: np.ndarray, size: np.ndarray, outside: np.ndarray, correlation: float) -> Drift:
    """Describe a map from the edit to the source, found at a size (width, height)."""
    height, width = outside.shape
    inverse = np.linalg.inv(np.vstack([warp, [0, 0, 1]]).astype(float))
    to_pixels = np.array([width, height]) / size
    linear = inverse[:2, :2] * to_pixels[:, None] / to_pixels[None, :]
    offset = (inverse[:2, 2] - (inverse[:2, :2] - np.eye(2)) @ [0.5, 0.5]) * to_pixels  # of corners, not centres
    right, down = linear @ [width / 2, height / 2] + offset - [width / 2, height / 2]
    rows, columns = np.nonzero(outside)
    places = np.stack([columns, rows]) + 0.5
    steps = (linear - np.eye(2)) @ places + offset[:, None]
    moved = 100 * math.sqrt(float((steps**2).sum(0).mean())) / max(width, height)
    zoom = 100 * (math.sqrt(abs(float(np.linalg.det(linear)))) - 1)
    return Drift(float(right), float(down), zoom, moved, float(correlation))
