"""The user's own pictures: a folder in the layout of `imagefolder`, with or without a `metadata.jsonl`.

Without metadata every picture below the folder, recognised by its extension, is a row; hidden files (`.DS_Store`) and
files with other extensions are ignored. With metadata each of its lines is a row, and pictures that no line names are
ignored. A line is `{"file_name": "a/photo.jpg", …}`, relative to the metadata's own folder, and may have: `caption` (or
`text`), `garment`, `item_id`, `person_id`, `variant`, `view`, `gender` (woman, man) and `mask` (a file name). Two
pictures form a same-item pair if item_id and view are the same and variant differs.

A mask is white inside the garment. It is the file that the metadata names, else `photo.mask.png` next to the picture,
else `masks/photo.png`. A hub data set or a parquet file with a column `image` and any of those columns works as well.
"""

import json
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from atelier.common.errors import UserError
from atelier.data.schemas.item import Details, fit_garment, make_item
from atelier.data.schemas.rows import Parsed, RawRow, Request, Row, RowSpec, short_text, text_of
from atelier.data.schemas.tables import choose_columns, is_local, open_table
from atelier.images.decode import PictureFile, RefusedError, check_name, decode_mask, decode_picture
from atelier.images.letterbox import fit_picture, plan_fit
from atelier.text.garments import UNKNOWN_GARMENT, garment_in, garment_of

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
METADATA = "metadata.jsonl"
UNREAD = ("metadata.csv", "metadata.parquet")  # formats that `imagefolder` accepts and atelier does not
MASKS = "masks"
COLUMNS = ("file_name", "caption", "text", "garment", "item_id", "person_id", "variant", "view", "gender", "mask")
_GENDERS = ("woman", "man")


def open_source(request: Request) -> Iterator[RawRow]:
    """List the pictures by file name, or the lines of the metadata; only names are held in memory.

    Raises:
        UserError: the folder is missing, or holds no picture.
    """
    root = Path(request.where).expanduser()
    if not is_local(request.where) or root.is_file():
        choose = partial(choose_columns, schema="folder", required=("image",), optional=COLUMNS)
        return open_table(request, choose)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; expected pictures, with or without a {METADATA}")
    return islice(_list_rows(root), request.start, None)


def name_row(row: Row) -> str:
    """Return the data set's own name for a row's picture."""
    return text_of(row, "file_name")


def read_row(row: Row, spec: RowSpec) -> Parsed:
    """Parse a picture and its metadata into an item; missing metadata is left empty.

    Raises:
        RefusedError: the picture cannot be read, its name leads out of the folder, or the line is not valid metadata.
    """
    if "problem" in row:
        raise RefusedError(row["problem"])
    picture = decode_picture(row.get("image"))
    plan = plan_fit(*picture.pixels.size, spec.size, spec.fit)
    mask, remarks = fit_garment(lambda: decode_mask(_find_mask(row), picture), plan)
    caption, cut = short_text(row, "caption" if text_of(row, "caption") else "text")
    garment, unsure = _name_garment(text_of(row, "garment"), caption)
    gender = text_of(row, "gender").lower()
    details = Details(
        garment=garment,
        item_id=text_of(row, "item_id") or text_of(row, "file_name"),
        person_id=text_of(row, "person_id"),
        variant=text_of(row, "variant"),
        view=text_of(row, "view"),
        gender=gender if gender in _GENDERS else "person",
        caption=caption,
        mask=mask,
    )
    return Parsed(make_item(spec, fit_picture(picture.pixels, plan), details), remarks + cut + unsure)


def _name_garment(label: str, caption: str) -> tuple[str, tuple[str, ...]]:
    """Return the garment that the metadata's label, else the caption, names, and a remark if neither does."""
    garment = garment_of(label) if label else garment_in(caption)
    return (garment, ()) if garment else (UNKNOWN_GARMENT, ("unknown garment" if label else "no garment named",))


def _list_rows(root: Path) -> Iterator[RawRow]:
    files = sorted(file.relative_to(root).as_posix() for file in root.rglob("*") if _is_shown(file.relative_to(root)))
    described = [name for name in files if Path(name).name == METADATA]
    pictures = [name for name in files if _is_picture(Path(name))]
    for other in files:
        if Path(other).name in UNREAD:
            raise UserError(f"{root / other}: metadata is read from {METADATA}, one JSON object per line")
    if not described and not pictures:
        raise UserError(f"{root}: holds no pictures ({', '.join(EXTENSIONS)}) and no {METADATA}")
    for name in described:
        yield from _read_metadata(root, name)
    if not described:
        yield from (RawRow(name, {"file_name": name, "image": PictureFile(root, name)}) for name in pictures)


def _is_shown(name: Path) -> bool:
    return not any(part.startswith(".") for part in name.parts)


def _is_picture(name: Path) -> bool:
    """Decide by the name alone; mask files are not pictures."""
    is_mask = name.stem.lower().endswith(".mask") or MASKS in name.parts[:-1]
    return name.suffix.lower() in EXTENSIONS and not is_mask


def _read_metadata(root: Path, name: str) -> Iterator[RawRow]:
    folder = (root / name).parent
    with (root / name).open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield RawRow(f"{name} line {number}", _read_line(line, folder))


def _read_line(line: bytes, folder: Path) -> Row:
    try:
        metadata = json.loads(line)
    except (ValueError, RecursionError):
        metadata = None
    if not isinstance(metadata, dict):
        return {"problem": "line is no JSON object"}
    if not text_of(metadata, "file_name"):
        return {"problem": "no file_name"}
    row: dict[str, Any] = {key: metadata[key] for key in COLUMNS if key in metadata}
    row["image"] = PictureFile(folder, text_of(metadata, "file_name"))
    if text_of(metadata, "mask"):
        row["mask"] = PictureFile(folder, text_of(metadata, "mask"))
    return row


def _find_mask(row: Row) -> Any:
    """Return the mask that the row names, else the one next to its picture; None if there is none."""
    if row.get("mask") or not isinstance(row["image"], PictureFile):
        return row.get("mask")
    folder, name = row["image"].folder, Path(check_name(row["image"].name))
    endings = [case for ending in EXTENSIONS for case in (ending, ending.upper())]
    candidates = [name.with_name(f"{name.stem}.mask{ending}") for ending in endings]
    candidates += [name.parent / MASKS / f"{name.stem}{ending}" for ending in endings]
    found = next((file for file in candidates if (folder / file).is_file()), None)
    return PictureFile(folder, found.as_posix()) if found else None
