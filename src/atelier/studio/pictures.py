"""Pictures for the page: small copies in sRGB, the mask over the photo, strokes of the brush, what an edit changed.

Legend: H W pixels of the upright picture, h w those of its copy on the page.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from atelier.common.errors import UserError
from atelier.editing.inputs import open_given
from atelier.images.contact_sheet import TIGHT_TINT

LONGEST = 1024  # longer side of a copy on the page, px
SHORTEST = 512  # smaller pictures are enlarged by a whole number to about this side, so that one can paint on them
ADD, TAKE = "#12a150", "#d6336c"  # colours of the brush
_INK = 128  # alpha from which a stroke counts
_CHANGED = 2 / 255  # a smaller difference is rounding


def copy_of(picture: Image.Image) -> np.ndarray:
    """Return a picture for the page: uint8 (h, w, 3) in sRGB, the longer side at most LONGEST px."""
    small = picture.copy()
    small.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    if "icc_profile" in picture.info:
        small.info["icc_profile"] = picture.info["icc_profile"]
    if min(small.size) >= 8:
        with open_given(small, 8) as photograph:
            pixels = photograph.pixels
    else:  # a strip so thin that no picture of it may be opened
        pixels = np.asarray(small.convert("RGB"))
    factor = max(1, round(SHORTEST / max(pixels.shape[:2])))
    return np.repeat(np.repeat(pixels, factor, 0), factor, 1)


def lay_over(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Tint a mask, bool (H, W), green on a copy, uint8 (h, w, 3), and fade the rest."""
    inside = fit_mask(mask, pixels.shape[1::-1])[..., None]
    faded = pixels.mean(-1, keepdims=True) / 2 + 127.5
    tinted = pixels * 0.6 + 0.4 * np.array(TIGHT_TINT)
    return np.where(inside, tinted, faded).round().astype(np.uint8)


def fit_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize bool (H, W) to a width and height, bool."""
    if mask.shape == size[::-1]:
        return mask
    layer = Image.fromarray(np.where(mask, np.uint8(255), np.uint8(0)))
    return np.asarray(layer.resize(size, Image.Resampling.BILINEAR)) >= 128


@dataclass(frozen=True)
class Strokes:
    """What was painted: bool (H, W) each, disjoint."""

    add: np.ndarray
    take: np.ndarray

    @property
    def empty(self) -> bool:
        """Whether nothing was painted."""
        return not (self.add.any() or self.take.any())


def read_strokes(layers: Sequence[np.ndarray], size: tuple[int, int]) -> Strokes:
    """Read the layers of the brush, uint8 (h, w, 4), over a picture of this width and height; a later layer wins."""
    add, take = np.zeros(size[::-1], bool), np.zeros(size[::-1], bool)
    for layer in layers:
        inked = layer[..., 3] >= _INK
        green = inked & (layer[..., 1] > layer[..., 0])
        add_here, take_here = fit_mask(green, size), fit_mask(inked & ~green, size)
        add, take = (add | add_here) & ~take_here, (take | take_here) & ~add_here
    return Strokes(add, take)


def correct_mask(mask: np.ndarray | None, strokes: Strokes) -> np.ndarray:
    """Add what was painted to a mask, bool (H, W), and take what was painted away; None: the mask is empty.

    Raises:
        UserError: nothing is left.
    """
    corrected = (strokes.add if mask is None else mask | strokes.add) & ~strokes.take
    if not corrected.any():
        raise UserError("the mask is empty; paint green where the picture may change, or choose the whole picture")
    return corrected


@dataclass(frozen=True)
class Change:
    """What an edit changed: a map, uint8 (h, w, 3), white for nothing and darker for more; shares of the pixels."""

    map: np.ndarray
    changed: float  # of all pixels
    outside: float  # changed pixels outside the mask, of all pixels

    @property
    def text(self) -> str:
        """The shares as a sentence."""
        where = "none of them outside the mask" if not self.outside else f"{100 * self.outside:.1f} % outside the mask"
        return f"{100 * self.changed:.1f} % of the pixels changed, {where}."


def map_change(before: Image.Image, after: Image.Image, mask: Image.Image | None) -> Change:
    """Compare two pictures of one size in one colour profile; the mask is "L" of that size, None: everywhere."""
    difference = np.abs(np.asarray(before, np.int16) - np.asarray(after, np.int16)).max(-1) / np.float32(255)
    changed = difference > _CHANGED
    outside = False if mask is None else changed & (np.asarray(mask) < 128)
    strength = np.sqrt(difference)[..., None]  # small changes are to be seen too
    drawn = 255 - strength * (255 - np.array((88, 20, 120), np.float32))
    drawing = copy_of(Image.fromarray(drawn.round().astype(np.uint8)))
    return Change(drawing, float(changed.mean()), float(np.mean(outside)))
