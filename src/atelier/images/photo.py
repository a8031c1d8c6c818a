"""A user's photograph: into the editor's square, and the edit back at the photograph's own size and orientation.

Legend: H W pixels of the upright photograph. Pictures are uint8 (H, W, 3), masks bool (H, W).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from atelier.common.errors import UserError
from atelier.common.files import atomic_write
from atelier.images.boxes import box_of
from atelier.images.decode import Picture, RefusedError, decode_mask, decode_picture, open_picture
from atelier.images.letterbox import Fit, fit_picture, plan_fit

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}  # that edits are written in
_SAVING = {"PNG": {}, "JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}


@dataclass(frozen=True)
class Photograph:
    """A picture file, decoded and turned upright, and how it fits into the editor's square."""

    path: Path
    picture: Picture
    fit: Fit
    profile: bytes | None  # its ICC colour profile; without it a phone's colours would change

    @property
    def pixels(self) -> np.ndarray:
        """uint8 (H, W, 3); transparency is laid over white."""
        return np.asarray(self.picture.pixels)

    @property
    def scale(self) -> float:
        """Pixels of the photograph along one side of a pixel of the square."""
        return max(self.picture.pixels.size) / self.fit.size


def open_photograph(path: Path, size: int) -> Photograph:
    """Read a photograph that is to be letterboxed into a square of side `size`.

    Raises:
        UserError: there is no such file, or it is no picture that can be read.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        data = path.read_bytes()
        picture = decode_picture(data)
        profile = open_picture(data).info.get("icc_profile")
    except RefusedError as refused:
        raise UserError(f"{path}: {refused}") from None
    of_rgb = profile is not None and profile[16:20] == b"RGB "  # a CMYK or grey profile does not fit the RGB edit
    return Photograph(path, picture, plan_fit(*picture.pixels.size, size, "letterbox"), profile if of_rgb else None)


def to_square(photograph: Photograph) -> np.ndarray:
    """The whole photograph inside the square, padded, never squashed: uint8 (size, size, 3)."""
    return fit_picture(photograph.picture.pixels, photograph.fit)


def open_mask(path: Path, photograph: Photograph) -> np.ndarray:
    """A mask file as bool (H, W) over the upright photograph: what is white may change.

    Raises:
        UserError: there is no such file, it cannot be read, is empty, or is of another shape than the photograph.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        return decode_mask(path.read_bytes(), photograph.picture)
    except RefusedError as refused:
        width, height = photograph.picture.pixels.size
        wanted = f"expected white where {photograph.path.name} may change, {width} × {height} px or that shape"
        raise UserError(f"{path}: {refused}; {wanted}") from None


def from_square(square: np.ndarray, photograph: Photograph) -> np.ndarray:
    """An edited square, the padding cut off, at the photograph's size: uint8 (H, W, 3)."""
    return np.asarray(_enlarge(square, photograph, Image.Resampling.LANCZOS))


def mask_from_square(mask: np.ndarray, photograph: Photograph) -> np.ndarray:
    """A mask found in the square, bool (size, size) → bool (H, W)."""
    whole_layer = _enlarge(mask.astype(np.uint8) * 255, photograph, Image.Resampling.BILINEAR)
    return np.asarray(whole_layer) >= 128


def _enlarge(layer: np.ndarray, photograph: Photograph, resample: Image.Resampling) -> Image.Image:
    inner = Image.fromarray(layer).crop(photograph.fit.place)  # cut first: padding must not bleed into the border
    size = photograph.picture.pixels.size
    return inner if inner.size == size else inner.resize(size, resample)


def composite(photograph: Photograph, edited: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The edit inside a mask, not empty, over the photograph: uint8 (H, W, 3).

    The edge is softened inwards, over about a pixel of the editor's square: outside the mask no pixel changes.
    """
    layer = Image.fromarray(mask.astype(np.uint8) * 255)
    blurred = layer.filter(ImageFilter.GaussianBlur(photograph.scale))
    left, top, right, bottom = (int(edge) for edge in box_of(mask))
    region = np.s_[top:bottom, left:right]  # a large photograph is not turned into floats as a whole
    inside = np.asarray(blurred, np.uint8)[region].astype(np.float32) / 255
    share = np.where(mask[region], np.clip(2 * inside - 1, 0, 1), 0)[..., None]  # 0 at a straight edge, 1 well inside
    mixed = photograph.pixels.copy()
    before = mixed[region].astype(np.float32)
    mixed[region] = (before + share * (edited[region] - before)).round().astype(np.uint8)
    return mixed


def check_format(path: Path) -> None:
    """Refuse a name that no picture can be written under, before any work is done for it.

    Raises:
        UserError: its suffix is none of FORMATS.
    """
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"{path}: pictures are written as {', '.join(FORMATS)}")


def save(pixels: np.ndarray, path: Path, profile: bytes | None = None) -> None:
    """Write uint8 (H, W, 3) in the format of the name's suffix, whole or not at all."""
    kind = FORMATS[path.suffix.lower()]
    with atomic_write(path) as partial:
        Image.fromarray(pixels).save(partial, kind, icc_profile=profile, **_SAVING[kind])
