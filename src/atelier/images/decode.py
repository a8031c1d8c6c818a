"""Decode pictures and masks of untrusted sources, upright and in sRGB.

A picture comes as encoded bytes, as the dict that `datasets` returns without decoding ({"bytes": …, "path": …}), as a
file below a folder, or as a PIL image. However many threads decode, the pictures that are decoded at one time have
MAX_PIXELS together, and one costs at most 12 bytes per pixel more than its decoded size.
Legend: H W pixels of the upright picture.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from atelier.common.errors import RefusedError
from atelier.images.colour import flatten, profile_of, to_srgb
from atelier.images.frames import TURNS, UPRIGHT, Picture, lay_mask, same_shape, turn, turn_box
from atelier.images.mask_values import grey_levels, opacity, read_inside
from atelier.images.opening import HUB, PictureFile, check_name, open_file, open_picture
from atelier.images.tensors import MAX_PIXELS

__all__ = [
    "HUB", "MIN_SIDE", "Own", "Picture", "PictureFile", "check_name", "decode_mask", "decode_own",
    "decode_picture", "grey_levels", "lay_mask", "opacity", "open_file", "open_mask", "read_inside", "same_shape",
    "turn_box",
]  # fmt: skip

MIN_SIDE = 8  # pictures with a shorter side are refused, px
_ORIENTATION = 0x0112  # the EXIF tag
_BUFFERED = ("WEBP", "AVIF")  # their decoders keep several more copies of the pixels than a copy does
_INVERSE = {6: 8, 8: 6}  # orientations that do not undo themselves
_free, _freed = MAX_PIXELS, threading.Condition()  # pixels that may be decoded now, and what guards them


class Own(NamedTuple):
    """A picture in its own numbers: as the file has them, not converted to sRGB."""

    numbers: Image.Image  # L, RGB or CMYK
    profile: bytes | None  # the ICC profile of the numbers; None: sRGB
    orientation: int  # EXIF, 1 is upright; the numbers are not turned


@contextmanager
def _within_budget(pixels: int) -> Iterator[None]:
    """Wait until a picture of that many pixels may be decoded."""
    global _free
    with _freed:
        _freed.wait_for(lambda: pixels <= _free)
        _free -= pixels
    try:
        yield
    finally:
        with _freed:
            _free += pixels
            _freed.notify_all()


def _load(picture: Image.Image) -> tuple[Image.Image, int]:
    """Decode a picture; return it as stored, and its EXIF orientation, 1 (upright) if it has none."""
    try:
        turned = picture.format == "TIFF"  # Pillow turns these, and only these, when it decodes them
        before = picture.getexif().get(_ORIENTATION, UPRIGHT) if turned else UPRIGHT
        picture.load()
        orientation = before if turned else picture.getexif().get(_ORIENTATION, UPRIGHT)
    except MemoryError:
        raise
    except Exception:  # Pillow's decoders raise struct.error, EOFError, IndexError and others for corrupt bytes
        raise RefusedError("corrupt picture") from None
    if picture.format in _BUFFERED:
        picture = picture.copy()
    if orientation not in TURNS:
        return picture, UPRIGHT
    return turn(picture, _INVERSE.get(orientation, orientation)) if turned else picture, orientation


def decode_own(value: Any) -> Own:
    """Decode a picture in its own numbers, transparency composited over white, as it is stored.

    Raises:
        RefusedError: the picture is missing, unreadable, too large, too small, or its pixels have no known range.
    """
    with open_picture(value) as picture:
        if min(picture.size) < MIN_SIDE:
            raise RefusedError("too few pixels")
        with _within_budget(picture.width * picture.height):
            picture, orientation = _load(picture)
            numbers = flatten(picture)
            return Own(numbers, profile_of(picture, numbers), orientation)


def decode_picture(value: Any) -> Picture:
    """Decode a picture to sRGB and turn it upright by its EXIF orientation.

    Raises:
        RefusedError: as `decode_own`.
    """
    numbers, profile, orientation = decode_own(value)
    stored = numbers.size
    with _within_budget(stored[0] * stored[1]):
        numbers = to_srgb(numbers, profile)
        return Picture(turn(numbers, orientation), stored, orientation)


def decode_mask(value: Any, picture: Picture) -> np.ndarray:
    """Decode a garment mask to bool (H, W) over the upright picture.

    Accepts every mode that `read_inside` reads, in the picture's size or another of the same aspect ratio. A mask
    without an EXIF orientation is turned like the stored picture.

    Raises:
        RefusedError: the mask is missing, unreadable, or refused by `read_inside` or `lay_mask`.
    """
    mask, orientation = open_mask(value)
    with _within_budget(mask.width * mask.height):
        return lay_mask(read_inside(mask), picture, orientation)


def open_mask(value: Any) -> tuple[Image.Image, int]:
    """Decode a mask as stored; return it with its EXIF orientation.

    Raises:
        RefusedError: the mask is missing or unreadable.
    """
    try:
        with open_picture(value) as mask, _within_budget(mask.width * mask.height):
            return _load(mask)
    except RefusedError as refused:
        raise RefusedError("no mask" if str(refused) == "no picture" else "unreadable mask") from None
