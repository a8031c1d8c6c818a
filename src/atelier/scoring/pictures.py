"""Open the pictures of a row at one size: that of the source, and at most LARGEST px along its longer side.

Legend: H W pixels of the upright source at that size. Pictures are uint8 (H, W, 3) in sRGB, masks bool (H, W).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from atelier.common.errors import RefusedError
from atelier.images.decode import decode_mask, decode_picture
from atelier.images.frames import Picture
from atelier.images.tensors import inside_mask, mask_pixels
from atelier.metrics.pixel import SSIM_RADIUS
from atelier.scoring.rows import Row

LARGEST = 2048  # px; larger pictures are made smaller
SMALLEST = 2 * SSIM_RADIUS + 6  # px of the shorter side
STRETCH = 0.05  # by which the aspect ratio of an edit may differ from the source's: editors round their sizes


@dataclass(frozen=True)
class Sources:
    """What all edits of a row share."""

    source: np.ndarray
    mask: np.ndarray | None  # where a change is wanted; None: not given
    target: np.ndarray | None  # what a perfect edit gives

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, px."""
        return self.source.shape[1], self.source.shape[0]


def open_sources(row: Row) -> Sources:
    """Open the source of a row, its mask and its target.

    Raises:
        RefusedError: a file that the row names is not there, is no picture, or does not fit the source.
    """
    picture = _decode(row.source)
    size = _scoring_size(picture.pixels.size)
    if min(size) < SMALLEST:
        raise RefusedError(f"{row.source}: {size[0]} × {size[1]} px are too few; expected at least {SMALLEST} a side")
    mask = None
    if row.mask is not None:
        try:
            mask = _shrink(decode_mask({"path": row.mask}, picture), size)
        except RefusedError as refused:
            raise RefusedError(f"{row.mask}: {refused}; expected white where a change is wanted") from None
        if not mask.any() or mask.all():
            raise RefusedError(f"{row.mask}: next to nothing is inside or outside at {size[0]} × {size[1]} px")
    target = None if row.target is None else _fit(row.target, size)[0]
    return Sources(_resize(picture.pixels, size), mask, target)


def open_edit(path: Path, sources: Sources) -> tuple[np.ndarray, tuple[int, int]]:
    """Open an edit at the size of its source; return it with its own width and height.

    Raises:
        RefusedError: it is not there, is no picture, or has another aspect ratio.
    """
    return _fit(path, sources.size)


def _decode(path: Path) -> Picture:
    try:
        return decode_picture({"path": path})
    except RefusedError as refused:
        raise RefusedError(f"{path}: {refused}") from None


def _scoring_size(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, LARGEST / max(size))
    return round(size[0] * scale), round(size[1] * scale)


def _fit(path: Path, size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int]]:
    pixels = _decode(path).pixels
    (width, height), own = size, pixels.size
    stretch = own[0] * height / (own[1] * width)
    if not 1 / (1 + STRETCH) <= stretch <= 1 + STRETCH:
        raise RefusedError(f"{path}: {own[0]} × {own[1]} px; expected the source's shape, {width} × {height}")
    return _resize(pixels, size), own


def _resize(pixels: Image.Image, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(pixels if pixels.size == size else pixels.resize(size, Image.Resampling.LANCZOS))


def _shrink(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if mask.shape == size[::-1]:
        return mask
    return inside_mask(np.asarray(Image.fromarray(mask_pixels(mask)).resize(size, Image.Resampling.BOX)))
