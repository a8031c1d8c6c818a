"""The user's own pictures: a folder in the layout of `imagefolder`, with or without `metadata.jsonl` or `metadata.csv`.

Without metadata every picture below the folder, recognised by its extension, is a row. With metadata each of its lines
is a row, and pictures that no line names are left out. Hidden files (`.DS_Store`) are passed over; what else is left
out is counted by kind.

A caption that the metadata does not give is read from `photo.txt` beside `photo.jpg` (UTF-8); its lines are joined.

A line is `{"file_name": "a/photo.jpg", …}`, relative to the metadata's own folder, and may have: `caption` (or `text`),
`garment`, `item_id`, `person_id`, `variant`, `view`, `gender` (woman, man) and `mask` (a file name). Two pictures form
a same-item pair if item_id and view are the same and variant differs. Without item_id a picture is an item of its own,
known by its path below the source's folder; an item_id or person_id counts for the whole source.

A mask is white inside the garment. It is the file that the metadata names, else `photo.mask.png` next to the picture,
else `masks/photo.png`. A hub data set or a parquet file with a column `image` and any of those columns works as well.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from atelier.common.errors import RefusedError, UserError
from atelier.common.listing import FoundFile, Listing, count_kinds, list_files
from atelier.common.notices import notice
from atelier.common.values import printable
from atelier.data.schemas.descriptions import (
    TEXT,
    UNNAMED,
    below_source,
    mask_beside,
    read_lines,
    remark_lines,
    text_beside,
)
from atelier.data.schemas.item import Details, fit_garment, gender_of, make_item
from atelier.data.schemas.rows import (
    Parsed,
    RawRow,
    Request,
    Row,
    RowSpec,
    exists,
    local_path,
    not_here,
    picture_beside,
    remark_lists,
    short_text,
    text_of,
)
from atelier.data.schemas.tables import HUB_PREFIX, NO_PATHS, choose_columns, open_table
from atelier.images.decode import PictureFile, check_name, decode_mask, decode_picture
from atelier.images.letterbox import fit_picture, plan_fit
from atelier.images.names import EXTENSIONS, METADATA, TABLES, find_metadata, is_mask, is_picture
from atelier.text.garments import UNKNOWN_GARMENT, garment_in, garment_of

UNREAD = "metadata.parquet"  # a format that `imagefolder` accepts and atelier does not
TEXTS = ("file_name", "caption", "text", "garment", "item_id", "person_id", "variant", "view", "gender")
COLUMNS = (*TEXTS, "mask")


def open_source(request: Request) -> Iterator[RawRow]:
    """List the pictures by file name, or the lines of the metadata; only names are held in memory.

    Raises:
        UserError: the folder is missing, or holds no picture.
    """
    where = request.where
    root = local_path(where)
    if where.startswith(NO_PATHS) or (exists(root) and not root.is_dir()):
        choose = partial(choose_columns, schema="folder", required=("image",), optional=COLUMNS)
        return open_table(request, choose)
    if not exists(root):
        hub = f"or, of the hub, {HUB_PREFIX}owner/name"
        raise not_here(where, "folder", f"pictures, with or without a {METADATA} (a parquet file, {hub})")
    return islice(_list_rows(root, list_files(root)), request.start, None)


def count_left_out(root: Path) -> Counter[str]:
    """Count the files that are neither read nor masks, by kind."""
    return _count(list_files(root))


def name_row(row: Row) -> str:
    """Return the path of a row's picture below the source's folder, or the name that the table gives."""
    return text_of(_describe(row), "file_name")


def read_row(row: Row, spec: RowSpec) -> Parsed:
    """Parse a picture and its metadata into an item; missing metadata is left empty.

    Raises:
        RefusedError: the picture cannot be read, its name leads out of the folder, or the line is not valid metadata.
    """
    row = _describe(row)
    picture = decode_picture(row.get("image"))
    plan = plan_fit(*picture.pixels.size, spec.size, spec.fit)
    mask, remarks = fit_garment(lambda: decode_mask(_find_mask(row), picture), plan)
    caption, cut = _read_caption(row)
    garment, unsure = _name_garment(text_of(row, "garment"), caption)
    details = Details(
        garment=garment,
        item_id=text_of(row, "item_id") or text_of(row, "file_name"),
        person_id=text_of(row, "person_id"),
        variant=text_of(row, "variant"),
        view=text_of(row, "view"),
        gender=gender_of(row),
        caption=caption,
        mask=mask,
    )
    return Parsed(
        make_item(spec, fit_picture(picture.pixels, plan), details), remarks + cut + unsure + remark_lists(row, TEXTS)
    )


def _read_caption(row: Row) -> tuple[str, tuple[str, ...]]:
    """Return the caption of the metadata, else that of the `.txt` beside the picture, and remarks."""
    caption, cut = short_text(row, "caption" if text_of(row, "caption") else "text")
    if caption or not isinstance(row["image"], PictureFile):
        return caption, cut
    text = text_beside(row["image"], "caption") or ""
    caption, cut = short_text({"caption": text}, "caption")
    return caption, cut + remark_lines(text, "caption")


def _name_garment(label: str, caption: str) -> tuple[str, tuple[str, ...]]:
    """Return the garment that the metadata's label, else the caption, names, and a remark if neither does."""
    garment = garment_of(label) if label else garment_in(caption)
    return (garment, ()) if garment else (UNKNOWN_GARMENT, ("unknown garment" if label else "no garment named",))


def _list_rows(root: Path, listing: Listing) -> Iterator[RawRow]:
    for file in listing.files:
        if PurePosixPath(file.name).name == UNREAD:
            raise UserError(f"{printable(str(file.path))}: metadata is read from {' or '.join(TABLES)}")
    described, pictures = find_metadata(listing, TABLES), [file for file in listing.files if is_picture(file.name)]
    for folder in sorted({file.folder for file in listing.files} - {root}):
        notice(f"{folder}: a link to the folder {folder.resolve()} outside of the source; its files are read")
    if not described and not pictures:
        left_out = ", ".join(f"{kind} {count}" for kind, count in sorted(_count(listing).items()))
        found = f"; left out: {left_out}" if left_out else ""
        raise UserError(f"{root}: holds no pictures ({', '.join(EXTENSIONS)}) and no {METADATA}{found}")
    for file in described:
        for line in read_lines(file):
            yield RawRow(f"{file.name} line {line.number}", {"file": file, "line": line.row}, line.problem)
    if not described:
        for file in pictures:
            yield RawRow(file.name, {"file_name": file.name, "image": PictureFile(file.folder, file.inner)})


def _count(listing: Listing) -> Counter[str]:
    described = [file for file in listing.files if PurePosixPath(file.name).name in TABLES]
    pictures = [file for file in listing.files if is_picture(file.name)]
    stems = {PurePosixPath(file.name).with_suffix("") for file in pictures}
    texts = [one for one in listing.files if one.name.lower().endswith(TEXT) and PurePosixPath(one.name[:-4]) in stems]
    read = {file.name for file in (*described, *pictures, *texts)}
    counts = count_kinds(file.name for file in listing.files if file.name not in read and not is_mask(file.name))
    if described:
        named = {name for file in described if not file.leads_out for name in _names_in(file)}
        counts[UNNAMED] += sum(file.name not in named for file in pictures)
    return +(counts + listing.skipped)


def _names_in(file: FoundFile) -> Iterator[str]:
    """Yield the names below the source's folder of the pictures and masks that the lines of a metadata file name."""
    for line in read_lines(file):
        for column in ("file_name", "mask"):
            try:
                yield below_source(file.name, text_of(line.row, column))
            except RefusedError:  # counted as a row
                continue


def _describe(row: Row) -> Row:
    """Return the columns of a row that is a line of metadata; other rows have them already.

    Raises:
        RefusedError: the line names no picture, or none inside the folder.
    """
    if "line" not in row:
        return row
    file, line = row["file"], row["line"]
    name = text_of(line, "file_name")
    if not name:
        raise RefusedError("no file_name")
    columns: dict[str, Any] = {key: line[key] for key in COLUMNS if key in line}
    columns |= {"file_name": below_source(file.name, check_name(name)), "image": picture_beside(file, name)}
    try:
        mask = text_of(line, "mask")
    except RefusedError:  # a mask that cannot be read is a remark
        return columns
    return columns | {"mask": picture_beside(file, mask) if mask else None}


def _find_mask(row: Row) -> Any:
    """Return the mask that the row names, else the one next to its picture; None if there is none."""
    if row.get("mask") or not isinstance(row["image"], PictureFile):
        return row.get("mask")
    return mask_beside(row["image"])
