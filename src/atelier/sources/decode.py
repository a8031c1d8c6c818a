"""Foreign pictures, masks and boxes, decoded safely and turned upright together.

A source gives a picture as encoded bytes, as `datasets` does when it does not decode ({"bytes": …, "path": …}), or as a
PIL image. Nothing larger than `images.MAX_PIXELS` is decoded. Legend: H W pixels of the upright picture.
"""

import io
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from atelier.images import MAX_PIXELS

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
_ORIENTATION = 0x0112  # the EXIF tag
_TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
          5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
          8: Image.Transpose.ROTATE_90}  # fmt: skip

Box = list[float]  # [x1, y1, x2, y2], px


class RefusedError(ValueError):
    """Why a row, or a part of it, cannot be used, in few words: reports count rows by it."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture as it is to be looked at, and how the stored one had to be turned for that."""

    pixels: Image.Image  # RGB, upright
    stored: tuple[int, int]  # width, height before turning
    orientation: int  # EXIF, 1 is upright


def open_picture(value: Any) -> Image.Image:
    """The undecoded picture behind a source's value: its header is read and its size checked, no more.

    Raises:
        RefusedError: there is no picture, it is of no known format, or it is larger than MAX_PIXELS.
    """
    if isinstance(value, Image.Image):
        return _check_size(value)
    data = value.get("bytes") if isinstance(value, dict) else value
    path = value.get("path") if isinstance(value, dict) else None
    if not data and not path:
        raise RefusedError("no picture")
    try:
        with warnings.catch_warnings():  # Pillow's own limit only warns, and is not ours
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return _check_size(Image.open(io.BytesIO(data) if data else Path(path), formats=FORMATS))
    except Image.DecompressionBombError:
        raise RefusedError("too many pixels") from None
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, RefusedError):
            raise
        raise RefusedError("not a picture") from None


def _check_size(picture: Image.Image) -> Image.Image:
    if picture.width * picture.height > MAX_PIXELS:
        raise RefusedError("too many pixels")
    return picture


def _load(picture: Image.Image) -> int:
    """Decode a picture in place; its EXIF orientation, 1 (upright) where it has none."""
    try:
        picture.load()
        orientation = picture.getexif().get(_ORIENTATION, 1)
    except (OSError, SyntaxError, ValueError, EOFError, struct.error):
        raise RefusedError("corrupt picture") from None
    return orientation if orientation in _TURNS else 1


def _turn(picture: Image.Image, orientation: int) -> Image.Image:
    return picture if orientation == 1 else picture.transpose(_TURNS[orientation])


def _to_rgb(picture: Image.Image) -> Image.Image:
    """Any mode → RGB: transparency over white, 16 bits to 8."""
    if picture.mode.startswith("I"):
        return Image.fromarray((np.asarray(picture).clip(0, 65535) // 257).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        layered = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layered.size, (255, 255, 255, 255)), layered).convert("RGB")
    return picture.convert("RGB")


def decode_picture(value: Any) -> Picture:
    """Decode a picture to RGB and turn it upright by its EXIF orientation.

    Raises:
        RefusedError: no picture, none that can be read, or too large a one.
    """
    picture = open_picture(value)
    orientation = _load(picture)
    return Picture(_to_rgb(_turn(picture, orientation)), picture.size, orientation)


def decode_mask(value: Any, picture: Picture) -> np.ndarray:
    """Decode a garment mask to bool (H, W) over the upright picture.

    L, RGB, palette or 1 bit, 0/1 or 0/255, of the picture's size or another one of the same shape. A mask that brings
    no orientation of its own is taken to lie on the picture as stored, and is turned with it.

    Raises:
        RefusedError: no mask, an unreadable one, one of another shape than the picture's, or an empty one.
    """
    try:
        mask = open_picture(value)
        orientation = _load(mask)
    except RefusedError as refused:
        raise RefusedError("no mask" if str(refused) == "no picture" else "unreadable mask") from None
    if orientation == 1 and _same_shape(mask.size, picture.stored):
        orientation = picture.orientation
    mask = _turn(mask, orientation)
    if not _same_shape(mask.size, picture.pixels.size):
        raise RefusedError("mask of another shape")
    inside = _threshold(mask)
    if not inside.any():
        raise RefusedError("empty mask")
    if mask.size != picture.pixels.size:
        inside = np.asarray(Image.fromarray(inside).resize(picture.pixels.size, Image.Resampling.NEAREST))
    return inside


def _same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes have one aspect ratio, to a pixel's rounding."""
    (width, height), (other_width, other_height) = size, other
    return abs(width * other_height - height * other_width) <= max(*size, *other)


def _threshold(mask: Image.Image) -> np.ndarray:
    values = np.asarray(mask if mask.mode != "LA" else mask.convert("L"))
    if values.ndim == 3:
        values = values[..., :3].max(axis=2)
    if mask.mode == "P" or values.max(initial=0) <= 1:  # an index or a class number: anything but 0 is garment
        return values > 0
    return values >= (128 if values.max() <= 255 else 32768)


def turn_box(box: Box, frame: tuple[float, float], picture: Picture) -> Box:
    """A box given in a frame of `frame` (width, height) → px of the upright picture, clipped to it.

    A frame of the stored picture's shape is turned with it.

    Raises:
        RefusedError: the box is not four finite numbers, or nothing of it is inside the picture.
    """
    corners = np.asarray(box, float).reshape(-1)
    if corners.shape != (4,) or not np.isfinite(corners).all() or min(frame) <= 0:
        raise RefusedError("no usable box")
    x1, y1, x2, y2 = corners / np.tile(np.asarray(frame, float), 2)  # shares of the frame
    if picture.orientation != 1 and _same_shape((round(frame[0]), round(frame[1])), picture.stored):
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
