"""A photo of any size: letterboxed into the editor's square, and the edit back at the photo's size and orientation.

The editor sees sRGB. What is written is in the photo's own colour profile, its own numbers where nothing was edited.
Legend: H W pixels of the upright photo. Images are uint8 (H, W, 3), in sRGB unless said otherwise; masks bool (H, W).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from atelier.common.errors import RefusedError, UserError
from atelier.common.files import atomic_write
from atelier.images.boxes import box_of
from atelier.images.colour import from_srgb, is_two_way, to_srgb
from atelier.images.decode import decode_mask, decode_own
from atelier.images.depth import strips
from atelier.images.frames import Picture, turn
from atelier.images.letterbox import Fit, fit_picture, plan_fit
from atelier.images.opening import open_file
from atelier.images.tensors import mask_pixels

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}  # output formats by suffix
_STRIP = 1 << 18  # pixels that are composited at a time
_SAVE_OPTIONS = {"PNG": {}, "JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}


@dataclass(frozen=True)
class Photograph:
    """An image file, decoded and rotated upright, and its placement in the editor's square."""

    path: Path
    picture: Picture
    fit: Fit
    own: Image.Image  # RGB, upright, in the numbers of the file if `profile` is given, else in sRGB
    profile: bytes | None  # ICC colour profile of `own`; None: sRGB without one

    @property
    def pixels(self) -> np.ndarray:
        """Image in sRGB, uint8 (H, W, 3); transparent pixels are composited over white."""
        return np.asarray(self.picture.pixels)

    @property
    def own_pixels(self) -> np.ndarray:
        """Image in its own profile, uint8 (H, W, 3)."""
        return np.asarray(self.own)

    @property
    def scale(self) -> float:
        """Side of a pixel of the square, in pixels of the photo."""
        return max(self.picture.pixels.size) / self.fit.size


def open_photograph(path: Path, size: int) -> Photograph:
    """Read a photo, to be letterboxed into a square of side `size`.

    Raises:
        UserError: the file does not exist or is not a readable image.
    """
    try:
        numbers, profile, orientation = decode_own({"path": path})
    except RefusedError as refused:
        raise UserError(f"{path}: {refused}") from None
    own = turn(numbers, orientation)
    pixels = to_srgb(own, profile)
    if profile is None or not is_two_way(profile):  # an edit is coloured: no grey or CMYK profile fits it
        own, profile = pixels, None
    own = own if own.mode == "RGB" else own.convert("RGB")  # grey numbers in an RGB profile
    picture = Picture(pixels, numbers.size, orientation)
    return Photograph(path, picture, plan_fit(*pixels.size, size, "letterbox"), own, profile)


def to_square(photograph: Photograph) -> np.ndarray:
    """Return the photo letterboxed into the square: uint8 (size, size, 3)."""
    return fit_picture(photograph.picture.pixels, photograph.fit)


def open_mask(path: Path, photograph: Photograph) -> np.ndarray:
    """Read a mask file as bool (H, W) over the upright photo: white may change.

    Raises:
        UserError: the file does not exist, is not readable, is empty, or has another shape than the photo.
    """
    try:
        open_file(path).close()
        return decode_mask({"path": path}, photograph.picture)
    except RefusedError as refused:
        width, height = photograph.picture.pixels.size
        wanted = f"expected white where {photograph.path.name} may change, {width} × {height} px or that shape"
        raise UserError(f"{path}: {refused}; {wanted}") from None


def from_square(square: np.ndarray, photograph: Photograph) -> np.ndarray:
    """Crop the padding off an edited square and resize it to the photo: uint8 (H, W, 3)."""
    return _to_array(_enlarge(square, photograph, Image.Resampling.LANCZOS))


def mask_from_square(mask: np.ndarray, photograph: Photograph) -> np.ndarray:
    """Resize a mask of the square, bool (size, size), to the photo: bool (H, W)."""
    full_size = _enlarge(mask.astype(np.uint8) * 255, photograph, Image.Resampling.BILINEAR)
    return np.asarray(full_size) >= 128


def _enlarge(layer: np.ndarray, photograph: Photograph, resample: Image.Resampling) -> Image.Image:
    inner = Image.fromarray(layer).crop(photograph.fit.place)  # crop first: padding must not bleed into the border
    size = photograph.picture.pixels.size
    return inner if inner.size == size else inner.resize(size, resample)


def composite(photograph: Photograph, edited: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Composite an edit over the photo, in the photo's own profile: uint8 (H, W, 3).

    The edge is feathered inwards by about one pixel of the editor's square: no pixel outside the mask changes.

    Args:
        edited: uint8 (H, W, 3), in sRGB.
        mask: not empty; None: everywhere.
    """
    if mask is None:
        return edited if photograph.profile is None else from_srgb(edited, photograph.profile)
    blurred = Image.fromarray(mask_pixels(mask)).filter(ImageFilter.GaussianBlur(photograph.scale))
    mixed = _to_array(photograph.own)
    left, top, right, bottom = (int(edge) for edge in box_of(mask))
    rows = max(1, _STRIP // (right - left))
    for start in range(top, bottom, rows):  # so that only a part of a large photo is held as floats
        region = np.s_[start : min(start + rows, bottom), left:right]
        new = edited[region] if photograph.profile is None else from_srgb(edited[region], photograph.profile)
        inside = np.asarray(blurred.crop((left, start, right, region[0].stop)), np.float32) / 255
        share = np.where(mask[region], np.clip(2 * inside - 1, 0, 1), 0)[
            ..., None
        ]  # 0 at a straight edge, 1 well inside
        before = mixed[region].astype(np.float32)
        mixed[region] = (before + share * (new - before)).round().astype(np.uint8)
    return mixed


def _to_array(picture: Image.Image) -> np.ndarray:
    """Copy an RGB picture to uint8 (H, W, 3), without the further copy of a large one that `numpy.asarray` makes."""
    pixels = np.empty((picture.height, picture.width, 3), np.uint8)
    for (_, top, _, bottom), values in strips(picture):
        pixels[top:bottom] = values
    return pixels


def check_format(path: Path) -> None:
    """Check the suffix of an output file.

    Raises:
        UserError: the suffix is not in FORMATS.
    """
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"{path}: expected one of the image formats {', '.join(FORMATS)}")


def save(pixels: np.ndarray, path: Path, profile: bytes | None = None) -> None:
    """Write uint8 (H, W, 3) atomically, in the format given by the suffix."""
    image_format = FORMATS[path.suffix.lower()]
    with atomic_write(path) as partial:
        Image.fromarray(pixels).save(partial, image_format, icc_profile=profile, **_SAVE_OPTIONS[image_format])
