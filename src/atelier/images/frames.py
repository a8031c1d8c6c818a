"""Turn pictures, masks and boxes upright together. A box or mask must be in a frame of the picture's shape.

Legend: H W pixels of the upright picture. A frame is the (width, height) that annotations refer to, px.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from atelier.common.errors import RefusedError
from atelier.images.boxes import Box

UPRIGHT = 1  # EXIF orientation of a picture that is stored as it is seen
TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
         5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
         8: Image.Transpose.ROTATE_90}  # fmt: skip

Frame = tuple[float, float]


@dataclass(frozen=True)
class Picture:
    """A decoded, upright picture, with the size and orientation of the stored one."""

    pixels: Image.Image  # RGB, sRGB, upright
    stored: tuple[int, int]  # width, height before turning
    orientation: int  # EXIF, 1 is upright


def turn(picture: Image.Image, orientation: int) -> Image.Image:
    """Turn a stored picture upright."""
    return picture if orientation == UPRIGHT else picture.transpose(TURNS[orientation])


def same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes have the same aspect ratio, up to the rounding of one pixel."""
    (width, height), (other_width, other_height) = size, other
    return abs(width * other_height - height * other_width) <= max(*size, *other)


def lay_mask(inside: np.ndarray, picture: Picture, orientation: int = UPRIGHT) -> np.ndarray:
    """Turn a stored mask, bool, and resize it to bool (H, W) over the upright picture.

    Raises:
        RefusedError: the mask's aspect ratio differs from the picture's, or it is empty or covers the whole picture.
    """
    mask = Image.fromarray(inside)
    if orientation == UPRIGHT and same_shape(mask.size, picture.stored):
        orientation = picture.orientation
    mask = turn(mask, orientation)
    if not same_shape(mask.size, picture.pixels.size):
        raise RefusedError("mask of another shape")
    if not inside.any():
        raise RefusedError("empty mask")
    if inside.all():
        raise RefusedError("mask of the whole picture")
    if mask.size != picture.pixels.size:
        mask = mask.resize(picture.pixels.size, Image.Resampling.NEAREST)
    return np.asarray(mask)


def settle_frame(frame: Frame, picture: Picture, points: np.ndarray) -> Frame:
    """Return the frame in which points, float (N, 2) of x and y in px, lie over the picture.

    It is the given one if it has the shape of the picture, as stored or upright. If only its width and height are
    exchanged and all points lie inside the exchanged frame, it is that one: points of a picture that was rotated
    without a note of it cannot be told from these, but seldom fit.

    Raises:
        RefusedError: the frame has another shape.
    """
    if fits_frame(frame, picture):
        return frame
    exchanged = frame[1], frame[0]
    if fits_frame(exchanged, picture) and ((points >= -1) & (points <= np.asarray(exchanged) + 1)).all():
        return exchanged
    raise RefusedError("frame of another shape")


def fits_frame(frame: Frame, picture: Picture) -> bool:
    """Whether a frame has the shape of the picture, as stored or upright."""
    size = round(frame[0]), round(frame[1])
    return same_shape(size, picture.stored) or same_shape(size, picture.pixels.size)


def corners_of(box: Any) -> np.ndarray:
    """Return an unchecked box [x1, y1, x2, y2] as float (4,).

    Raises:
        RefusedError: it is not four finite numbers.
    """
    try:
        corners = np.asarray(box, float).reshape(-1)
    except (TypeError, ValueError, OverflowError):  # text, lists of unequal length, or huge integers
        raise RefusedError("no usable box") from None
    if corners.shape != (4,) or not np.isfinite(corners).all():
        raise RefusedError("no usable box")
    return corners


def turn_box(box: Any, frame: Frame, picture: Picture) -> Box:
    """Convert a box from a frame to px of the upright picture, clipped to it.

    If the frame has the stored picture's aspect ratio, the box is turned like the picture.

    Raises:
        RefusedError: the box is not four finite numbers, or lies outside the picture, or the frame has another shape
            (see `settle_frame`).
    """
    corners = corners_of(box)
    if min(frame) <= 0:
        raise RefusedError("no usable box")
    frame = settle_frame(frame, picture, corners.reshape(2, 2))
    x1, y1, x2, y2 = corners / np.tile(np.asarray(frame, float), 2)  # as fractions of the frame
    if picture.orientation != UPRIGHT and same_shape((round(frame[0]), round(frame[1])), picture.stored):
        flips = {2: (1 - x2, y1, 1 - x1, y2), 3: (1 - x2, 1 - y2, 1 - x1, 1 - y1), 4: (x1, 1 - y2, x2, 1 - y1),
                 5: (y1, x1, y2, x2), 6: (1 - y2, x1, 1 - y1, x2), 7: (1 - y2, 1 - x2, 1 - y1, 1 - x1),
                 8: (y1, 1 - x2, y2, 1 - x1)}  # fmt: skip
        x1, y1, x2, y2 = flips[picture.orientation]
    width, height = picture.pixels.size
    turned = [
        min(max(value, 0.0), 1.0) * side for value, side in zip((x1, y1, x2, y2), (width, height) * 2, strict=True)
    ]
    if turned[2] <= turned[0] or turned[3] <= turned[1]:
        raise RefusedError("no usable box")
    return turned
