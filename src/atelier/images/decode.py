"""Foreign pictures and boxes, decoded safely and turned upright together.

A source gives a picture as encoded bytes, as `datasets` does when it does not decode ({"bytes": …, "path": …}), as a
file below a folder, or as a PIL image. Nothing larger than `images.MAX_PIXELS` is decoded.
Legend: H W pixels of the upright picture.
"""

import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from atelier.common.errors import UserError
from atelier.images.boxes import Box
from atelier.images.tensors import MAX_PIXELS, inside_mask

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
MIN_SIDE = 8  # a picture with a shorter side shows nothing, px
HUB = "hf://"  # how `datasets` names a file that it left on the hub
_ORIENTATION = 0x0112  # the EXIF tag
_TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
          5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
          8: Image.Transpose.ROTATE_90}  # fmt: skip

# Pillow's own limit only warns, and is not ours. Once, not around each opening: all threads share the filters.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class RefusedError(ValueError):
    """Why a row, or a part of it, cannot be used, in few words: reports count rows by it."""


@dataclass(frozen=True)
class PictureFile:
    """A picture that a data set names: `name` is relative to `folder`, and must not lead out of it."""

    folder: Path
    name: str


@dataclass(frozen=True)
class Picture:
    """A decoded picture as it is to be looked at, and how the stored one had to be turned for that."""

    pixels: Image.Image  # RGB, upright
    stored: tuple[int, int]  # width, height before turning
    orientation: int  # EXIF, 1 is upright


def check_name(name: str) -> str:
    """A file name that a data set gives, if it stays below the folder that it is relative to.

    Raises:
        RefusedError: it is absolute, a URL, or goes up.
    """
    if "://" in name or re.match(r"[/\\]|[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
        raise RefusedError("name leads out of its folder")
    return name


def open_picture(value: Any) -> Image.Image:
    """The undecoded picture behind a source's value: its header is read and its size checked, no more.

    Raises:
        RefusedError: no picture, one whose name leads elsewhere, one of no known format, or larger than MAX_PIXELS.
    """
    if isinstance(value, Image.Image):
        return _check_size(value)
    named = isinstance(value, PictureFile)
    content = value.folder / check_name(value.name) if named else _find_content(value)
    try:
        return _check_size(Image.open(content, formats=FORMATS))
    except Image.DecompressionBombError:
        raise RefusedError("too many pixels") from None
    except FileNotFoundError:
        raise RefusedError("no such file") from None
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, RefusedError):
            raise
        raise RefusedError("not a picture") from None


def _find_content(value: Any) -> io.BytesIO | Path:
    data = value.get("bytes") if isinstance(value, dict) else value
    path = value.get("path") if isinstance(value, dict) else None
    if data:
        return io.BytesIO(data)
    if not path:
        raise RefusedError("no picture")
    return io.BytesIO(_fetch(path)) if str(path).startswith(HUB) else Path(path)


def _fetch(address: str) -> bytes:
    from fsspec import open as open_remote  # `datasets` brings it; local sources need none of it

    try:
        with open_remote(address, "rb") as stream:
            return stream.read()
    except Exception as error:  # of the hub or the network, so the next row would not fare better
        raise UserError(f"{address}: cannot be fetched: {' '.join(str(error).split())[:300]}") from None


def _check_size(picture: Image.Image) -> Image.Image:
    if picture.width * picture.height > MAX_PIXELS:
        raise RefusedError("too many pixels")
    return picture


def _load(picture: Image.Image) -> int:
    """Decode a picture in place; its EXIF orientation, 1 (upright) where it has none."""
    try:
        picture.load()
        orientation = picture.getexif().get(_ORIENTATION, 1)
    except MemoryError:
        raise
    except Exception:  # for wrong bytes Pillow's decoders raise what they like: struct.error, EOFError, IndexError …
        raise RefusedError("corrupt picture") from None
    return orientation if orientation in _TURNS else 1


def turn(picture: Image.Image, orientation: int) -> Image.Image:
    """A stored picture as it is to be looked at."""
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
        RefusedError: no picture, none that can be read, too large or too small a one, or one of floating-point numbers.
    """
    picture = open_picture(value)
    if min(picture.size) < MIN_SIDE:
        raise RefusedError("too few pixels")
    if picture.mode == "F":  # nothing says what is black in it and what is white
        raise RefusedError("floating-point picture")
    orientation = _load(picture)
    return Picture(_to_rgb(turn(picture, orientation)), picture.size, orientation)


def decode_mask(value: Any, picture: Picture) -> np.ndarray:
    """Decode a garment mask to bool (H, W) over the upright picture.

    L, RGB, palette or 1 bit, 0/1 or 0/255, of the picture's size or another one of the same shape; what is transparent
    is outside. A mask without an orientation of its own is taken to lie on the picture as stored, and turned with it.

    Raises:
        RefusedError: no mask, an unreadable one, or one that `lay_mask` refuses.
    """
    mask, orientation = open_mask(value)
    return lay_mask(_threshold(mask), picture, orientation)


def open_mask(value: Any) -> tuple[Image.Image, int]:
    """A decoded mask as it is stored, and its own EXIF orientation.

    Raises:
        RefusedError: no mask, or an unreadable one.
    """
    try:
        mask = open_picture(value)
        return mask, _load(mask)
    except RefusedError as refused:
        raise RefusedError("no mask" if str(refused) == "no picture" else "unreadable mask") from None


def lay_mask(inside: np.ndarray, picture: Picture, orientation: int = 1) -> np.ndarray:
    """A stored mask, bool, → bool (H, W) over the upright picture.

    Raises:
        RefusedError: it is of another shape than the picture, empty, or covers the whole picture: that tells no garment
            from the rest.
    """
    mask = Image.fromarray(inside)
    if orientation == 1 and same_shape(mask.size, picture.stored):
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


def same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes have one aspect ratio, to a pixel's rounding."""
    (width, height), (other_width, other_height) = size, other
    return abs(width * other_height - height * other_width) <= max(*size, *other)


def _threshold(mask: Image.Image) -> np.ndarray:
    if mask.mode in ("LA", "PA", "RGBA"):
        values = np.asarray(mask.convert("RGBA"))
        values = values[..., :3].max(axis=2) * inside_mask(values[..., 3])
    else:
        values = np.asarray(mask)
        values = values[..., :3].max(axis=2) if values.ndim == 3 else values
    if mask.mode == "P" or values.max(initial=0) <= 1:  # an index or a class number: anything but 0 is garment
        return values > 0
    return values >= (128 if values.max() <= 255 else 32768)


def turn_box(box: Any, frame: tuple[float, float], picture: Picture) -> Box:
    """A box given in a frame of `frame` (width, height) → px of the upright picture, clipped to it.

    A frame of the stored picture's shape is turned with it.

    Raises:
        RefusedError: the box is not four finite numbers, or nothing of it is inside the picture.
    """
    try:
        corners = np.asarray(box, float).reshape(-1)
    except (TypeError, ValueError):  # words, or lists of unequal length
        raise RefusedError("no usable box") from None
    if corners.shape != (4,) or not np.isfinite(corners).all() or min(frame) <= 0:
        raise RefusedError("no usable box")
    x1, y1, x2, y2 = corners / np.tile(np.asarray(frame, float), 2)  # shares of the frame
    if picture.orientation != 1 and same_shape((round(frame[0]), round(frame[1])), picture.stored):
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
