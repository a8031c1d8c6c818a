"""Pictures whose integers have more than 8 bits: which value is white, and the same picture in 8 bits."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from atelier.common.errors import RefusedError

MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")  # Pillow's modes with more than 8 bits
BYTE, TWELVE, SIXTEEN = 255, 4095, 65535
_STRIP = 1 << 20  # pixels that are converted by NumPy at a time, so that memory does not grow with the picture
_BITS_PER_SAMPLE = 258  # the TIFF tag

Area = tuple[int, int, int, int]


def full_scale(picture: Image.Image) -> int:
    """Return the value that is white: 255, 4095 or 65535.

    Values up to 255 are 8 bits, whatever they are stored in. Larger ones are 12 bits where a TIFF says so, else 16. If
    all are below a sixteenth of that range, they may be of 9 to 12 bits, and nothing says which.

    Raises:
        RefusedError: the values are negative, of more than 16 bits, or of an unknown range.
    """
    extremes = [(int(values.min()), int(values.max())) for _, values in strips(picture)]
    least, most = min(low for low, _ in extremes), max(high for _, high in extremes)
    if least >= 0 and most <= BYTE:
        return BYTE
    twelve = tuple(getattr(picture, "tag_v2", {}).get(_BITS_PER_SAMPLE, ())) == (12,)
    if least < 0 or most > SIXTEEN or (most <= TWELVE and not twelve):
        raise RefusedError("pixel values of unknown range")
    return TWELVE if twelve and most <= TWELVE else SIXTEEN


def to_8_bits(picture: Image.Image) -> Image.Image:
    """Convert to L, or to LA if the picture names one value as transparent.

    Raises:
        RefusedError: as `full_scale`.
    """
    white, clear = full_scale(picture), picture.info.get("transparency")
    reduced = Image.new("L" if clear is None else "LA", picture.size)
    for area, values in strips(picture):
        grey = Image.fromarray(((values.astype(np.int64) * BYTE + white // 2) // white).astype(np.uint8))
        if clear is not None:
            opaque = (values != clear) * np.uint8(BYTE)
            grey = Image.merge("LA", (grey, Image.fromarray(opaque)))
        reduced.paste(grey, area)
    return reduced


def strips(picture: Image.Image) -> Iterator[tuple[Area, np.ndarray]]:
    """Yield areas of whole rows from top to bottom, (left, top, right, bottom) in px, and their pixels as an array."""
    rows = max(1, _STRIP // max(1, picture.width))
    for top in range(0, picture.height, rows):
        area = (0, top, picture.width, min(top + rows, picture.height))
        yield area, np.asarray(picture.crop(area))


def to_array(picture: Image.Image) -> np.ndarray:
    """Copy an RGB picture to uint8 (H, W, 3), without the further copy of a large one that `numpy.asarray` makes."""
    pixels = np.empty((picture.height, picture.width, 3), np.uint8)
    for (_, top, _, bottom), values in strips(picture):
        pixels[top:bottom] = values
    return pixels
