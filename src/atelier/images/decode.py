"""Decode pictures, masks and boxes of untrusted sources, and turn them upright together.

A picture comes as encoded bytes, as the dict that `datasets` returns without decoding ({"bytes": …, "path": …}), as a
file below a folder, or as a PIL image. Pictures with more than `tensors.MAX_PIXELS` pixels are not decoded.
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

from atelier.common.errors import RefusedError, UserError
from atelier.images.boxes import Box
from atelier.images.tensors import MAX_PIXELS, inside_mask

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
MIN_SIDE = 8  # pictures with a shorter side are refused, px
HUB = "hf://"  # prefix by which `datasets` names a file on the hub
_ORIENTATION = 0x0112  # the EXIF tag
_TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
          5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
          8: Image.Transpose.ROTATE_90}  # fmt: skip

# Pillow's own, lower limit only warns. Set once, not per file: warning filters are shared by all threads.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class PictureFile:
    """A picture file that a data set names: `name` is relative to `folder` and must stay inside it."""

    folder: Path
    name: str


@dataclass(frozen=True)
class Picture:
    """A decoded, upright picture, with the size and orientation of the stored one."""

    pixels: Image.Image  # RGB, upright
    stored: tuple[int, int]  # width, height before turning
    orientation: int  # EXIF, 1 is upright


def check_name(name: str) -> str:
    """Return a file name of a data set unchanged if it stays below its folder.

    Raises:
        RefusedError: the name is absolute, a URL, or contains "..".
    """
    if "://" in name or re.match(r"[/\\]|[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
        raise RefusedError("name leads out of its folder")
    return name


def open_picture(value: Any) -> Image.Image:
    """Open a picture without decoding it: read its header and check its size.

    Raises:
        RefusedError: the picture is missing, outside its folder, of an unknown format, or larger than MAX_PIXELS.
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
    from fsspec import open as open_remote  # a dependency of `datasets`; local sources do not need it

    try:
        with open_remote(address, "rb") as stream:
            return stream.read()
    except Exception as error:  # a failure of hub or network would affect the following rows as well
        raise UserError(f"{address}: cannot be fetched: {' '.join(str(error).split())[:300]}") from None


def _check_size(picture: Image.Image) -> Image.Image:
    if picture.width * picture.height > MAX_PIXELS:
        raise RefusedError("too many pixels")
    return picture


def _load(picture: Image.Image) -> int:
    """Decode a picture in place and return its EXIF orientation; 1 (upright) if it has none."""
    try:
        picture.load()
        orientation = picture.getexif().get(_ORIENTATION, 1)
    except MemoryError:
        raise
    except Exception:  # Pillow's decoders raise struct.error, EOFError, IndexError and others for corrupt bytes
        raise RefusedError("corrupt picture") from None
    return orientation if orientation in _TURNS else 1


def turn(picture: Image.Image, orientation: int) -> Image.Image:
    """Turn a stored picture upright."""
    return picture if orientation == 1 else picture.transpose(_TURNS[orientation])


def _to_rgb(picture: Image.Image) -> Image.Image:
    """Convert any mode to RGB: transparency is composited over white, 16 bits are reduced to 8."""
    if picture.mode.startswith("I"):
        return Image.fromarray((np.asarray(picture).clip(0, 65535) // 257).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        layered = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layered.size, (255, 255, 255, 255)), layered).convert("RGB")
    return picture.convert("RGB")


def decode_picture(value: Any) -> Picture:
    """Decode a picture to RGB and turn it upright by its EXIF orientation.

    Raises:
        RefusedError: the picture is missing, unreadable, too large, too small, or has floating-point pixels.
    """
    picture = open_picture(value)
    if min(picture.size) < MIN_SIDE:
        raise RefusedError("too few pixels")
    if picture.mode == "F":  # its range is unknown
        raise RefusedError("floating-point picture")
    orientation = _load(picture)
    return Picture(_to_rgb(turn(picture, orientation)), picture.size, orientation)


def decode_mask(value: Any, picture: Picture) -> np.ndarray:
    """Decode a garment mask to bool (H, W) over the upright picture.

    Accepts L, RGB, palette or 1 bit, with values 0/1 or 0/255, in the picture's size or another of the same aspect
    ratio; transparent pixels are outside. A mask without an EXIF orientation is turned like the stored picture.

    Raises:
        RefusedError: the mask is missing, unreadable, or refused by `lay_mask`.
    """
    mask, orientation = open_mask(value)
    return lay_mask(_threshold(mask), picture, orientation)


def open_mask(value: Any) -> tuple[Image.Image, int]:
    """Decode a mask as stored; return it with its EXIF orientation.

    Raises:
        RefusedError: the mask is missing or unreadable.
    """
    try:
        mask = open_picture(value)
        return mask, _load(mask)
    except RefusedError as refused:
        raise RefusedError("no mask" if str(refused) == "no picture" else "unreadable mask") from None


def lay_mask(inside: np.ndarray, picture: Picture, orientation: int = 1) -> np.ndarray:
    """Turn a stored mask, bool, and resize it to bool (H, W) over the upright picture.

    Raises:
        RefusedError: the mask's aspect ratio differs from the picture's, or it is empty or covers the whole picture.
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
    """Whether two sizes have the same aspect ratio, up to the rounding of one pixel."""
    (width, height), (other_width, other_height) = size, other
    return abs(width * other_height - height * other_width) <= max(*size, *other)


def _threshold(mask: Image.Image) -> np.ndarray:
    if mask.mode in ("LA", "PA", "RGBA"):
        values = np.asarray(mask.convert("RGBA"))
        values = values[..., :3].max(axis=2) * inside_mask(values[..., 3])
    else:
        values = np.asarray(mask)
        values = values[..., :3].max(axis=2) if values.ndim == 3 else values
    if mask.mode == "P" or values.max(initial=0) <= 1:  # palette index or class number: all but 0 is garment
        return values > 0
    return values >= (128 if values.max() <= 255 else 32768)


def turn_box(box: Any, frame: tuple[float, float], picture: Picture) -> Box:
    """Convert a box from a frame of `frame` (width, height) to px of the upright picture, clipped to it.

    If the frame has the stored picture's aspect ratio, the box is turned like the picture.

    Raises:
        RefusedError: the box is not four finite numbers, or lies outside the picture.
    """
    try:
        corners = np.asarray(box, float).reshape(-1)
    except (TypeError, ValueError, OverflowError):  # text, lists of unequal length, or huge integers
        raise RefusedError("no usable box") from None
    if corners.shape != (4,) or not np.isfinite(corners).all() or min(frame) <= 0:
        raise RefusedError("no usable box")
    x1, y1, x2, y2 = corners / np.tile(np.asarray(frame, float), 2)  # as fractions of the frame
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
