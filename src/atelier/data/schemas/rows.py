"""Types that all data sources share: the request, a raw row, how a row is to be parsed, and the parsed row."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any, NamedTuple

from atelier.common.errors import RefusedError, UserError
from atelier.common.listing import FoundFile, join
from atelier.common.records import Item
from atelier.common.values import is_listed, text_value
from atelier.images.decode import PictureFile, check_name

MAX_TEXT = 500  # longest caption or instruction kept, in characters
NO_CLOTHES = "no clothes named"  # reason of a refusal that `only_clothes` asks for

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """Which rows of which source to read: numbers start, start + 1, … below `rows`."""

    where: str  # one of scenes.SOURCES (world:studio, photographs:studio, …), a hub name, or a local file or folder
    schema: str  # deepfashion, deepfashion2, fashionpedia, fashionpedia_json, folder, before_after or triplets
    domain: str  # seen | unseen
    rows: int  # upper limit of the row numbers, those before `start` included
    size: int  # side of the square pictures, px
    fit: str  # letterbox | crop
    seed: int  # of the rendered data
    columns: str = ""  # triplets: which column holds what; before_after: which folder; empty for a known one
    start: int = 0  # rows before it are skipped without decoding
    only_clothes: bool = False  # refuse pairs whose instruction names no clothes


class RawRow(NamedTuple):
    """A row as stored, and its file and row number for messages (rows count from 0, lines from 1)."""

    where: str
    row: Row
    problem: str = ""  # why the row could not be read; "" where it could
    size: int = 0  # of its cells in memory, bytes, where they are large


@dataclass(frozen=True)
class RowSpec:
    """Identity of a row and how its picture is to be fitted."""

    image_id: str
    domain: str  # seen | unseen
    size: int  # side of the square, px
    fit: str  # letterbox | crop
    only_clothes: bool = False  # refuse a pair whose instruction names no clothes


class Parsed(NamedTuple):
    """An item and remarks on what its row lacks."""

    item: Item
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ParsedRow:
    """An item without a split, or the reason why its row was refused."""

    image_id: str
    item: Item | None
    refused: str = ""  # reason; "" for an item
    remarks: tuple[str, ...] = ()  # what the row of a kept item lacks
    where: str = ""  # file and row number for messages


def local_path(where: str) -> Path:
    """Return the path of a local source, with ~ as the home folder.

    Raises:
        UserError: there is no such home folder.
    """
    try:
        return Path(where).expanduser()
    except RuntimeError as error:
        raise UserError(f"{where}: {error}") from None


def exists(path: Path) -> bool:
    """Whether a file or folder is there; False for a name that the system cannot hold, too."""
    try:
        return path.exists()
    except OSError:
        return False


def local_folder(where: str, expected: str) -> Path:
    """Return the path of a local folder; `expected` says what should be in it.

    Raises:
        UserError: it is not there, or is no folder.
    """
    path = local_path(where)
    if not exists(path):
        raise not_here(where, "folder", expected)
    if not path.is_dir():
        raise UserError(f"{where}: is not a folder; expected one with {expected}")
    return path


def not_here(where: str | Path, kind: str, expected: str) -> UserError:
    """Return the error for a local source that is not there; `kind` is "file", "folder" or both."""
    hint = "in a temporary experiment only what git or DVC tracks is there"
    return UserError(f"{where}: no such {kind} here; expected {expected}; {hint}")


def picture_beside(file: FoundFile, name: str) -> PictureFile:
    """Return the picture that a file of a source names, relative to its own folder; it may lie anywhere in the source.

    A name that leads out is left as it is: it is refused where the picture is opened.
    """
    with suppress(RefusedError):
        name = normpath(join(PurePosixPath(file.inner).parent.as_posix(), check_name(name)))
    return PictureFile(file.folder, name)


def text_of(row: Row, column: str) -> str:
    """Return a text column, stripped; "" where the row has none.

    Raises:
        RefusedError: the value is no text (see `values.text_value`).
    """
    return text_value(row.get(column), column)


def short_text(row: Row, column: str) -> tuple[str, tuple[str, ...]]:
    """Return a caption or instruction on one line, cut at MAX_TEXT characters, and a remark if it was cut."""
    text = " ".join(text_of(row, column).split())
    return (text, ()) if len(text) <= MAX_TEXT else (text[:MAX_TEXT].rstrip(), (f"{column} cut",))


def remark_lists(row: Row, columns: Iterable[str]) -> tuple[str, ...]:
    """Return a remark for each text column that holds a list, of which only the first text is read."""
    return tuple(f"{column} is a list" for column in columns if is_listed(row.get(column)))
