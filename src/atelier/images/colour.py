"""What the numbers of a decoded picture mean: transparency, and the embedded colour profile, into sRGB and back.

A picture's numbers are in the colour space of its embedded ICC profile; without one they are sRGB. A profile that is
damaged, of another kind than the pixels, or that changes nothing is ignored.
"""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from atelier.common.errors import RefusedError
from atelier.images import depth

MAX_PROFILE = 1 << 24  # larger profiles are ignored, bytes; printers' have up to 10 MB
_WHITE = {"L": 255, "RGB": (255, 255, 255)}
_CHANNELS = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}  # colour space in a profile's header → mode
_SAME = 1  # a profile that changes no colour by more than this is sRGB, in levels of 255

_LEVELS = np.arange(256, dtype=np.uint8)[None]

Transform = ImageCms.ImageCmsTransform


def flatten(picture: Image.Image) -> Image.Image:
    """Convert any mode to L, RGB or CMYK in the picture's own numbers: 8 bits, transparency composited over white.

    Raises:
        RefusedError: the pixels are floating-point numbers, or integers of an unknown range.
    """
    if picture.mode == "F":  # its range is unknown
        raise RefusedError("floating-point picture")
    if picture.mode in depth.MODES:
        picture = depth.to_8_bits(picture)
    try:
        if picture.has_transparency_data:
            return _over_white(picture)
        if picture.mode in ("L", "RGB", "CMYK"):
            return picture
        return picture.convert("L" if picture.mode == "1" else "RGB")
    except (ValueError, OSError, KeyError):  # Pillow cannot convert this mode, or its palette is damaged
        raise RefusedError("unknown kind of pixels") from None


def _over_white(picture: Image.Image) -> Image.Image:
    grey = picture.mode in ("1", "L", "LA", "La")
    layered = picture if picture.mode in ("LA", "RGBA") else picture.convert("LA" if grey else "RGBA")  # no copy
    flat = Image.new("L" if grey else "RGB", picture.size, _WHITE["L" if grey else "RGB"])
    flat.paste(layered.getchannel("L") if grey else layered, mask=layered.getchannel("A"))
    return flat


def profile_of(picture: Image.Image, flat: Image.Image) -> bytes | None:
    """Return the ICC profile of the flattened picture's numbers; None without one that can be used: sRGB."""
    profile = picture.info.get("icc_profile")
    if not isinstance(profile, bytes) or not 128 < len(profile) <= MAX_PROFILE:
        return None
    mode = _CHANNELS.get(profile[16:20])
    fits = mode == flat.mode or (mode == "RGB" and flat.mode == "L")
    return profile if fits and _into_srgb(profile) else None


def to_srgb(flat: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert a flattened picture to RGB in sRGB.

    Args:
        profile: what `profile_of` returned for it.
    """
    if profile is None or _is_srgb(profile):
        return flat if flat.mode == "RGB" else flat.convert("RGB")
    mode = _CHANNELS[profile[16:20]]
    if mode == "L":
        shown = ImageCms.applyTransform(Image.fromarray(_LEVELS), _into_srgb(profile))
        return Image.merge("RGB", [flat.point(list(channel.tobytes())) for channel in shown.split()])
    return ImageCms.applyTransform(flat if flat.mode == mode else flat.convert(mode), _into_srgb(profile))


def from_srgb(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    """Convert pixels in sRGB, uint8 (H, W, 3), to numbers in a profile that `is_two_way`."""
    if _is_srgb(profile):
        return pixels
    return np.asarray(ImageCms.applyTransform(Image.fromarray(pixels), _out_of_srgb(profile)))


def is_two_way(profile: bytes) -> bool:
    """Whether a profile is of RGB and colours can be converted into it, not only out of it as for some scanners'."""
    return _CHANNELS[profile[16:20]] == "RGB" and (_is_srgb(profile) or _out_of_srgb(profile) is not None)


@lru_cache(16)
def _is_srgb(profile: bytes) -> bool:
    """Whether a usable profile leaves all numbers as they are, up to rounding: then they are not rounded again."""
    mode = _CHANNELS[profile[16:20]]
    if mode == "CMYK":
        return False
    cube = np.stack(np.meshgrid(*[_LEVELS[0, ::15]] * 3, indexing="ij"), -1).reshape(1, -1, 3)
    probe = Image.fromarray(_LEVELS if mode == "L" else cube)
    changed = np.asarray(ImageCms.applyTransform(probe, _into_srgb(profile)), int) - np.asarray(probe.convert("RGB"))
    return bool(np.abs(changed).max() <= _SAME)


@lru_cache(16)
def _into_srgb(profile: bytes) -> Transform | None:
    return _build(profile, inverse=False)


@lru_cache(16)
def _out_of_srgb(profile: bytes) -> Transform | None:
    return _build(profile, inverse=True)


def _build(profile: bytes, *, inverse: bool) -> Transform | None:
    """Return a transform between a profile and sRGB; None if the profile is damaged, or of a kind that is no space."""
    try:
        spaces = [ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")]
        modes = [_CHANNELS[profile[16:20]], "RGB"]
        order = -1 if inverse else 1
        exact = ImageCms.Flags.NOOPTIMIZE if modes[0] == "L" else ImageCms.Flags.NONE  # tables are coarse in the dark
        return ImageCms.buildTransform(*spaces[::order], *modes[::order], flags=exact)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
