"""Which files of a folder are pictures, masks and descriptions of pictures, by their names alone."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from atelier.common.errors import UserError
from atelier.common.listing import FoundFile, Listing
from atelier.common.notices import notice

EXTENSIONS = (".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff")
MASKS = "masks"  # folder of masks beside the pictures
METADATA = "metadata.jsonl"  # describes the pictures of its folder, one JSON object per line
TABLES = (METADATA, "metadata.csv")  # where a CSV file is read as well
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


def find_metadata(listing: Listing, tables: Sequence[str] = (METADATA,)) -> list[FoundFile]:
    """Return the files that describe pictures; a line on stderr names each file that looks like one and is not read.

    Args:
        tables: the names of such files; a folder has at most one of them.

    Raises:
        UserError: one is not a plain file, a link to a file outside, or the second one in its folder.
    """
    for name in listing.others:
        if PurePosixPath(name).name in tables:
            raise UserError(f"{name}: {listing.others[name]}; expected a file")
    found: dict[PurePosixPath, FoundFile] = {}
    for file in listing.files:
        path = PurePosixPath(file.name)
        if path.name in tables:
            if file.leads_out:
                raise UserError(f"{file.path}: a link that leads out of the source; expected a file inside")
            if first := found.get(path.parent):
                raise UserError(f"{file.path}: beside {PurePosixPath(first.name).name}; expected one of the two")
            found[path.parent] = file
        elif _LIKE_METADATA.fullmatch(path.name):
            how = ", one JSON object per line" if tables == (METADATA,) else ""
            notice(f"{file.path}: left out; metadata is read from {' or '.join(tables)}{how}")
    return list(found.values())
