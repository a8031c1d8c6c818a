"""Which files of a folder are pictures, masks and descriptions of pictures, by their names alone."""

import re
from pathlib import PurePosixPath

from atelier.common.errors import UserError
from atelier.common.listing import FoundFile, Listing
from atelier.common.notices import notice

EXTENSIONS = (".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff")
MASKS = "masks"  # folder of masks beside the pictures
METADATA = "metadata.jsonl"  # describes the pictures of its folder, one JSON object per line
_LIKE_METADATA = re.compile(
    r"(meta-?data|captions?|annotations?|labels?|prompts?)\.(jsonl?|csv|tsv|txt|xlsx?|ya?ml|xml|parquet)", re.IGNORECASE
)


def is_mask(name: str) -> bool:
    """Whether a file is a mask: `photo.mask.png`, or any file in a folder `masks`."""
    path = PurePosixPath(name)
    return path.stem.lower().endswith(".mask") or MASKS in path.parts[:-1]


def is_picture(name: str) -> bool:
    """Whether a file is a picture, and no mask."""
    return PurePosixPath(name).suffix.lower() in EXTENSIONS and not is_mask(name)


def find_metadata(listing: Listing) -> list[FoundFile]:
    """Return the files that describe pictures; a line on stderr names each file that looks like one and is not read.

    Raises:
        UserError: one is not a plain file, or a link to a file outside.
    """
    for name in listing.others:
        if PurePosixPath(name).name == METADATA:
            raise UserError(f"{name}: {listing.others[name]}; expected a file")
    found = []
    for file in listing.files:
        name = PurePosixPath(file.name).name
        if name == METADATA:
            if file.leads_out:
                raise UserError(f"{file.path}: a link that leads out of the source; expected a file inside")
            found.append(file)
        elif _LIKE_METADATA.fullmatch(name):
            notice(f"{file.path}: left out; metadata is read from {METADATA}, one JSON object per line")
    return found
