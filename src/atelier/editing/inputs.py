"""Pictures and masks as they are given in Python: a file, a PIL image, or an array."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from atelier.common.errors import UserError
from atelier.images.photo import Photograph, open_photograph
from atelier.images.tensors import mask_pixels

Picture = str | PathLike[str] | Image.Image | np.ndarray
MaskLike = Literal["auto", "none"] | str | PathLike[str] | Image.Image | np.ndarray


@contextmanager
def open_given(picture: Picture, size: int) -> Iterator[Photograph]:
    """Open a picture that is a file or in memory; without a file its name is "picture"."""
    with as_file(picture) as file:
        photograph = open_photograph(Path(file), size)
        yield photograph if isinstance(picture, str | PathLike) else replace(photograph, path=Path("picture"))


@contextmanager
def as_file(picture: Picture | bytes) -> Iterator[str]:
    """Yield the name of a file with a picture or mask, written for as long as it is used unless it is one."""
    if isinstance(picture, str | PathLike):
        yield str(picture)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.png"
        if isinstance(picture, bytes):
            file.write_bytes(picture)
        else:
            image = picture if isinstance(picture, Image.Image) else _from_array(picture)
            image.save(file, icc_profile=image.info.get("icc_profile"), exif=image.getexif())
        yield str(file)


def _from_array(pixels: np.ndarray) -> Image.Image:
    """Return an array as a picture.

    Raises:
        UserError: it is none.
    """
    if not isinstance(pixels, np.ndarray):
        raise UserError(f"expected a file, a PIL image or an array, not {type(pixels).__name__}")
    if pixels.dtype == bool and pixels.ndim == 2:
        return Image.fromarray(mask_pixels(pixels))
    if pixels.dtype == np.uint8 and (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[-1] in (3, 4))):
        return Image.fromarray(pixels)
    raise UserError(f"expected uint8 (H, W, 3), or uint8 or bool (H, W) for a mask, not {pixels.dtype} {pixels.shape}")
