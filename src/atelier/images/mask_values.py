"""Which pixels of a decoded mask are inside, by what its numbers mean: grey, class numbers, or labels with a palette.

Transparent pixels are outside. A colour profile is not applied: a mask's numbers are not colours.
"""

import numpy as np
from PIL import Image, ImageChops

from atelier.common.errors import RefusedError
from atelier.images import depth
from atelier.images.colour import flatten
from atelier.images.tensors import inside_mask, mask_pixels

HALF = 128  # of 255: the least level that is inside
_TOLERANCE = 16  # levels of 255 by which an entry of a palette may miss grey, or black
_INDEXED, _RGB, _GREY = ("P", "PA"), ("RGB", "RGBA", "RGBX", "RGBa"), ("L", "LA", "La")


def read_inside(mask: Image.Image) -> np.ndarray:
    """Return the inside of a mask of any mode: bool (H, W), as stored.

    Grey is inside from half of its range on; a colour counts by its brightest channel. Of two values below half, such
    as the class numbers 0 and 1, the larger is inside. A palette whose used entries are grey is read as grey. One with
    colours is that of a label map (as in PASCAL VOC) if its first entry is black: all labels but 0 are inside.

    Raises:
        RefusedError: the range of the values is unknown.
    """
    opaque = None if (alpha := opacity(mask)) is None else inside_mask(alpha)
    if mask.mode in _INDEXED:
        inside = _read_indexed(mask.getchannel(0), mask.getpalette("RGB") or [], opaque)
    elif mask.mode == "F":
        inside = _read_floats(np.asarray(mask))
    else:
        grey = _brightness(mask)
        inside = np.asarray(grey) >= _threshold(_used(grey, opaque))
    return inside if opaque is None else inside & opaque


def opacity(mask: Image.Image) -> np.ndarray | None:
    """Return the alpha channel of a picture, uint8 (H, W); None if its format has none."""
    if not mask.has_transparency_data:
        return None
    if mask.mode in depth.MODES:
        mask = depth.to_8_bits(mask)
    elif mask.mode not in ("LA", "La", "PA", "RGBA", "RGBa"):
        mask = mask.convert("RGBA")
    return np.asarray(mask.getchannel(mask.getbands()[-1]))


def grey_levels(mask: Image.Image) -> np.ndarray:
    """Return the luminance of a picture of any mode, uint8 (H, W); floats are 0 outside and 255 inside.

    Raises:
        RefusedError: the range of the values is unknown.
    """
    if mask.mode == "F":
        return mask_pixels(_read_floats(np.asarray(mask)))
    return np.asarray(flatten(mask).convert("L"))


def _brightness(mask: Image.Image) -> Image.Image:
    if mask.mode in depth.MODES:
        mask = depth.to_8_bits(mask)
    if mask.mode in _GREY:
        return mask.getchannel(0)
    if mask.mode not in _RGB:
        mask = flatten(mask)
        if mask.mode == "L":
            return mask
        mask = mask.convert("RGB")
    red, green, blue, *_ = mask.split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue)


def _read_indexed(indices: Image.Image, entries: list[int], opaque: np.ndarray | None) -> np.ndarray:
    palette = np.zeros((256, 3), np.uint8)  # an index without an entry is black
    palette[: len(entries) // 3] = np.reshape(entries, (-1, 3))
    used = palette[_used(indices, opaque)]
    grey = used.size == 0 or np.ptp(used, axis=1).max() <= _TOLERANCE
    if not grey and palette[0].max() <= _TOLERANCE:
        return np.asarray(indices) > 0
    brightness = palette.max(axis=1)
    return (brightness >= _threshold(used.max(axis=1)))[np.asarray(indices)]


def _used(values: Image.Image, opaque: np.ndarray | None) -> np.ndarray:
    """Return the values, of 0 to 255, that the opaque pixels have."""
    return np.flatnonzero(values.histogram(None if opaque is None else Image.fromarray(opaque))[:256])


def _threshold(used: np.ndarray) -> int:
    """Return the least value that is inside."""
    levels = np.unique(used)
    return int(levels[1]) if levels.size == 2 and levels[1] < HALF else HALF


def _read_floats(values: np.ndarray) -> np.ndarray:
    """Read a mask of 0 to 1 or 0 to 255."""
    least, most = float(values.min()), float(values.max())  # NaN if any value is
    if not 0 <= least <= most <= depth.BYTE:
        raise RefusedError("mask of an unknown range")
    return values >= (depth.BYTE if most > 1 else 1) / 2
