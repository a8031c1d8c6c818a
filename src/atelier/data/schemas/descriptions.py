"""What describes pictures: a `metadata.jsonl` or `metadata.csv`, and the `.txt` and the mask beside a picture."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import normpath

from atelier.common.csv_rows import iter_csv
from atelier.common.errors import RefusedError
from atelier.common.json_lines import JsonLine, read_json_lines
from atelier.common.listing import FoundFile, is_file, join
from atelier.common.values import MAX_BYTES
from atelier.images.decode import PictureFile, check_name, open_file
from atelier.images.names import EXTENSIONS, MASKS

TEXT = ".txt"
UNNAMED = "picture that no line names"  # kind of the pictures beside metadata that are left out


def read_lines(file: FoundFile) -> Iterator[JsonLine]:
    """Yield the lines of a metadata file that are not blank; in CSV, which has no null, an empty cell is absent.

    Raises:
        UserError: the file cannot be opened, or is not CSV.
    """
    if not file.name.endswith(".csv"):
        yield from read_json_lines(file.path)
        return
    for number, row in iter_csv(file.path):
        cells = {column: value for column, value in row.items() if column is not None}
        yield JsonLine(number, cells, "line of more cells than columns" if None in row else "")


def below_source(metadata: str, name: str) -> str:
    """Return a name below the source's folder for one that is relative to a metadata file."""
    return normpath(join(PurePosixPath(metadata).parent.as_posix(), name))


def text_beside(picture: PictureFile, what: str) -> str | None:
    """Return the text of the `.txt` file that has a picture's name; None if there is none.

    Lines are kept; a byte order mark is not.

    Args:
        what: the text is, for the reason: "caption" or "instruction".

    Raises:
        RefusedError: the file is not UTF-8, too large, or outside of the source.
    """
    name = PurePosixPath(check_name(picture.name))
    for ending in (TEXT, TEXT.upper()):
        file = picture.folder / name.with_suffix(ending)
        if is_file(file):
            with open_file(file, picture.root or picture.folder) as stream:
                content = stream.read(MAX_BYTES + 1)
            if len(content) > MAX_BYTES:
                raise RefusedError(f"{what} over 1 MiB")
            try:
                return content.decode("utf-8-sig").strip()
            except UnicodeDecodeError:
                raise RefusedError(f"{what} is not UTF-8") from None
    return None


def remark_lines(text: str, what: str) -> tuple[str, ...]:
    """Return a remark if a text has several lines: they are joined."""
    return (f"{what} of several lines",) if len([line for line in text.splitlines() if line.strip()]) > 1 else ()


def mask_beside(picture: PictureFile) -> PictureFile | None:
    """Return the mask of a picture: `photo.mask.png` beside it, else `masks/photo.png`; None if there is none."""
    name = PurePosixPath(check_name(picture.name))
    endings = [case for ending in EXTENSIONS for case in (ending, ending.upper())]
    candidates = [name.with_name(f"{name.stem}.mask{ending}") for ending in endings]
    candidates += [name.parent / MASKS / f"{name.stem}{ending}" for ending in endings]
    found = next((file for file in candidates if is_file(picture.folder / file)), None)
    return PictureFile(picture.folder, found.as_posix()) if found else None
