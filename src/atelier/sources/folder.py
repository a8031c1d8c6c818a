"""The user's own pictures: a folder, as `imagefolder` has it, with or without a `metadata.jsonl`.

Without metadata every picture below the folder is a row, by its extension; hidden files (`.DS_Store`) and files of
other extensions are no rows. With metadata its lines are the rows, and pictures that no line names are left out. A line
is `{"file_name": "a/photo.jpg", …}`, relative to the metadata's own folder, and may have: `caption` (or `text`),
`garment`, `item_id`, `person_id`, `variant`, `view`, `gender` (woman, man) and `mask` (a file name). Two pictures make
a same-item pair where item_id and view are the same and variant differs.

A mask, white in the garment, stands beside its picture as `photo.mask.png`, or as `masks/photo.png`; one that the
metadata names goes before. A hub data set or a parquet file with a column `image` and any of those works as well.
"""

import json
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from atelier.errors import UserError
from atelier.garments import UNKNOWN_GARMENT, garment_in, garment_of
from atelier.sources.decode import PictureFile, RefusedError, check_name, decode_mask, decode_picture
from atelier.sources.fitting import fit_picture, plan_fit
from atelier.sources.making import fit_garment, make_item
from atelier.sources.opening import choose_columns, is_local, open_table
from atelier.sources.reading import Found, Made, Place, Request, Row, text_of, wording_of

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
METADATA = "metadata.jsonl"
UNREAD = ("metadata.csv", "metadata.parquet")  # what `imagefolder` takes besides
MASKS = "masks"
DETAILS = ("file_name", "caption", "text", "garment", "item_id", "person_id", "variant", "view", "gender", "mask")
_GENDERS = ("woman", "man")


def open_source(request: Request) -> Iterator[Found]:
    """The pictures by their names, or the lines of the metadata; only names are held in memory.

    Raises:
        UserError: the folder is missing, or holds no picture.
    """
    root = Path(request.where).expanduser()
    if not is_local(request.where) or root.is_file():
        choose = partial(choose_columns, schema="folder", required=("image",), optional=DETAILS)
        return open_table(request, choose)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; expected pictures, with or without a {METADATA}")
    return islice(_list_rows(root), request.start, None)


def name_row(row: Row) -> str:
    """The data set's own name for a row's picture."""
    return text_of(row, "file_name")


def read_row(row: Row, image_id: str, place: Place) -> Made:
    """One picture and what its metadata says → an item; what is not said is left empty.

    Raises:
        RefusedError: no picture that can be read, a name that leads out of the folder, or a line that is no metadata.
    """
    if "problem" in row:
        raise RefusedError(row["problem"])
    picture = decode_picture(row.get("image"))
    plan = plan_fit(*picture.pixels.size, place.size, place.fit)
    mask, remarks = fit_garment(lambda: decode_mask(_find_mask(row), picture), plan)
    words, cut = wording_of(row, "caption" if text_of(row, "caption") else "text")
    garment, unsure = _name_garment(text_of(row, "garment"), words)
    gender = text_of(row, "gender").lower()
    item = make_item(
        image_id,
        place,
        fit_picture(picture.pixels, plan),
        garment,
        item_id=text_of(row, "item_id") or text_of(row, "file_name"),
        person_id=text_of(row, "person_id"),
        variant=text_of(row, "variant"),
        view=text_of(row, "view"),
        gender=gender if gender in _GENDERS else "person",
        words=words,
        mask=mask,
    )
    return Made(item, remarks + cut + unsure)


def _name_garment(said: str, words: str) -> tuple[str, tuple[str, ...]]:
    """Our word for the garment that the metadata, else the caption, names; and a remark where neither does."""
    garment = garment_of(said) if said else garment_in(words)
    return (garment, ()) if garment else (UNKNOWN_GARMENT, ("unknown garment" if said else "no garment named",))


def _list_rows(root: Path) -> Iterator[Found]:
    files = sorted(file.relative_to(root).as_posix() for file in root.rglob("*") if _is_shown(file.relative_to(root)))
    described = [name for name in files if Path(name).name == METADATA]
    pictures = [name for name in files if _is_picture(Path(name))]
    for other in files:
        if Path(other).name in UNREAD:
            raise UserError(f"{root / other}: metadata is read from {METADATA}, one JSON object a line")
    if not described and not pictures:
        raise UserError(f"{root}: holds no pictures ({', '.join(EXTENSIONS)}) and no {METADATA}")
    for name in described:
        yield from _read_metadata(root, name)
    if not described:
        yield from (Found(name, {"file_name": name, "image": PictureFile(root, name)}) for name in pictures)


def _is_shown(name: Path) -> bool:
    return not any(part.startswith(".") for part in name.parts)


def _is_picture(name: Path) -> bool:
    """By its name alone, and not a mask."""
    is_mask = name.stem.lower().endswith(".mask") or MASKS in name.parts[:-1]
    return name.suffix.lower() in EXTENSIONS and not is_mask


def _read_metadata(root: Path, name: str) -> Iterator[Found]:
    folder = (root / name).parent
    with (root / name).open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield Found(f"{name} line {number}", _read_line(line, folder))


def _read_line(line: bytes, folder: Path) -> Row:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return {"problem": "line is no JSON object"}
    if not text_of(said, "file_name"):
        return {"problem": "no file_name"}
    row: dict[str, Any] = {key: said[key] for key in DETAILS if key in said}
    row["image"] = PictureFile(folder, text_of(said, "file_name"))
    if text_of(said, "mask"):
        row["mask"] = PictureFile(folder, text_of(said, "mask"))
    return row


def _find_mask(row: Row) -> Any:
    """The mask that the row brings, else the one beside its picture; None where there is none."""
    if row.get("mask") or not isinstance(row["image"], PictureFile):
        return row.get("mask")
    folder, name = row["image"].folder, Path(check_name(row["image"].name))
    endings = [case for ending in EXTENSIONS for case in (ending, ending.upper())]
    beside = [name.with_name(f"{name.stem}.mask{ending}") for ending in endings]
    beside += [name.parent / MASKS / f"{name.stem}{ending}" for ending in endings]
    found = next((file for file in beside if (folder / file).is_file()), None)
    return PictureFile(folder, found.as_posix()) if found else None
