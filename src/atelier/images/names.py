"""Which files of a folder are pictures and which are masks, by their names alone."""

from pathlib import PurePosixPath

EXTENSIONS = (".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff")
MASKS = "masks"  # folder of masks beside the pictures


def is_mask(name: str) -> bool:
    """Whether a file is a mask: `photo.mask.png`, or any file in a folder `masks`."""
    path = PurePosixPath(name)
    return path.stem.lower().endswith(".mask") or MASKS in path.parts[:-1]


def is_picture(name: str) -> bool:
    """Whether a file is a picture, and no mask."""
    return PurePosixPath(name).suffix.lower() in EXTENSIONS and not is_mask(name)
