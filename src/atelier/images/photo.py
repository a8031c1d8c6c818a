"""A photo of any size: letterboxed into the editor's square, and the edit back at the photo's size and orientation.

The editor sees sRGB. What is written is in the photo's own colour profile, its own numbers where nothing was edited.
Legend: H W pixels of the upright photo. Images are uint8 (H, W, 3), in sRGB unless said otherwise; masks bool (H, W).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from atelier.common.errors import RefusedError, UserError
from atelier.common.files import atomic_write
from atelier.images.boxes import box_of
from atelier.images.colour import from_srgb, is_two_way, to_srgb
from atelier.images.decode import decode_mask, decode_own
from atelier.images.depth import strips, to_array
from atelier.images.frames import Picture, turn
from atelier.images.letterbox import Fit, fit_picture, plan_fit
from atelier.images.opening import open_file
from atelier.images.tensors import mask_pixels

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}  # output formats by suffix
Area = tuple[int, int, int, int]  # left, top, right, bottom
_STRIP = 1 << 18  # pixels that are composited at a time
_SAVE_OPTIONS = {"PNG": {}, "JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}


@dataclass(frozen=True)
class Photograph:
    """An image file, decoded and rotated upright, and its placement in the editor's square."""

    path: Path
    own: Picture  # its pixels are numbers in `profile`
    profile: bytes | None  # ICC colour profile; None: sRGB
    fit: Fit
    square: np.ndarray  # in sRGB, letterboxed: uint8 (size, size, 3)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright photo, px."""
        return self.own.pixels.size

    @property
    def pixels(self) -> np.ndarray:
        """Image in sRGB, uint8 (H, W, 3); transparent pixels are composited over white."""
        return to_array(to_srgb(self.own.pixels, self.profile))

    @property
    def own_pixels(self) -> np.ndarray:
        """Image in its own profile, uint8 (H, W, 3)."""
        return to_array(self.own.pixels)

    @property
    def scale(self) -> float:
        """Side of a pixel of the square, in pixels of the photo."""
        return max(self.size) / self.fit.size


def open_photograph(path: Path, size: int) -> Photograph:
    """Read a photo, to be letterboxed into a square of side `size`.

    Raises:
        UserError: the file does not exist or is not a readable image.
    """
    try:
        numbers, profile, orientation = decode_own({"path": path})
    except RefusedError as refused:
        raise UserError(f"{path}: {refused}") from None
    stored = numbers.size
    numbers = turn(numbers, orientation)
    pixels = to_srgb(numbers, profile)
    if profile is None or not is_two_way(profile):  # an edit is coloured: no grey or CMYK profile fits it
        numbers, profile = pixels, None
    numbers = numbers if numbers.mode == "RGB" else numbers.convert("RGB")  # grey numbers in an RGB profile
    fit = plan_fit(*pixels.size, size, "letterbox")
    return Photograph(path, Picture(numbers, stored, orientation), profile, fit, fit_picture(pixels, fit))


def open_mask(path: Path, photograph: Photograph) -> np.ndarray:
    """Read a mask file as bool (H, W) over the upright photo: white may change.

    Raises:
        UserError: the file does not exist, is not readable, is empty, or has another shape than the photo.
    """
    try:
        open_file(path).close()
        return decode_mask({"path": path}, photograph.own)
    except RefusedError as refused:
        width, height = photograph.size
        wanted = f"expected white where {photograph.path.name} may change, {width} × {height} px or that shape"
        raise UserError(f"{path}: {refused}; {wanted}") from None


def from_square(square: np.ndarray, photograph: Photograph) -> Image.Image:
    """Crop the padding off an edited square, uint8 (size, size, 3), and resize it to the photo: RGB."""
    return _enlarge(square, photograph, Image.Resampling.LANCZOS)


def mask_from_square(mask: np.ndarray, photograph: Photograph) -> np.ndarray:
    """Resize a mask of the square, bool (size, size), to the photo: bool (H, W)."""
    full_size = _enlarge(mask.astype(np.uint8) * 255, photograph, Image.Resampling.BILINEAR)
    return np.asarray(full_size) >= 128


def _enlarge(layer: np.ndarray, photograph: Photograph, resample: Image.Resampling) -> Image.Image:
    inner = Image.fromarray(layer).crop(photograph.fit.place)  # crop first: padding must not bleed into the border
    return inner if inner.size == photograph.size else inner.resize(photograph.size, resample)


def composite(photograph: Photograph, edited: Image.Image, mask: np.ndarray | None) -> np.ndarray:
    """Composite an edit over the photo, in the photo's own profile: uint8 (H, W, 3).

    The edge is feathered inwards by about one pixel of the editor's square: no pixel outside the mask changes.

    Args:
        edited: RGB of the photo's size, in sRGB.
        mask: not empty; None: everywhere.
    """
    if mask is None:
        mixed = np.empty((edited.height, edited.width, 3), np.uint8)
        for (_, top, _, bottom), pixels in strips(edited):
            mixed[top:bottom] = _to_own(pixels, photograph.profile)
        return mixed

    def own_numbers(area: Area) -> np.ndarray:
        return _to_own(np.asarray(edited.crop(area)), photograph.profile)

    return paste_inside(photograph.own_pixels, own_numbers, mask, photograph.scale)


def paste_inside(
    mixed: np.ndarray, edited: Callable[[Area], np.ndarray], mask: np.ndarray, feather: float = 1.0
) -> np.ndarray:
    """Paste an edit into a picture inside a mask, in place, and return the picture; no pixel outside changes.

    Args:
        mixed: the picture, uint8 (H, W, 3).
        edited: an area → the edit's pixels in it, uint8.
        mask: bool (H, W), not empty.
        feather: width over which the edit fades out inside the mask's edge, px.
    """
    blurred = Image.fromarray(mask_pixels(mask)).filter(ImageFilter.GaussianBlur(feather))
    left, top, right, bottom = (int(edge) for edge in box_of(mask))
    rows = max(1, _STRIP // (right - left))
    for start in range(top, bottom, rows):  # so that only a part of a large photo is held as floats
        region = np.s_[start : min(start + rows, bottom), left:right]
        area = (left, start, right, region[0].stop)
        new = edited(area)
        inside = np.asarray(blurred.crop(area), np.float32) / 255
        share = np.where(mask[region], np.clip(2 * inside - 1, 0, 1), 0)[..., None]  # 0 at a straight edge
        before = mixed[region].astype(np.float32)
        mixed[region] = (before + share * (new - before)).round().astype(np.uint8)
    return mixed


def _to_own(pixels: np.ndarray, profile: bytes | None) -> np.ndarray:
    """Convert uint8 (H, W, 3) in sRGB to numbers in a profile; None: they are in sRGB."""
    return pixels if profile is None else from_srgb(pixels, profile)


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
