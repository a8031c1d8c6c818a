"""Types that all data sources share: the request, a raw row, how a row is to be parsed, and the parsed row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from atelier.common.records import Item

MAX_TEXT = 500  # longest caption or instruction kept, in characters

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """Which rows of which source to read: numbers start, start + 1, … below `rows`."""

    where: str  # world:studio, world:street, a hub name, or a local file or folder
    schema: str  # deepfashion, deepfashion2, fashionpedia, fashionpedia_json, folder or triplets
    domain: str  # seen | unseen
    rows: int  # upper limit of the row numbers, those before `start` included
    size: int  # side of the square pictures, px
    fit: str  # letterbox | crop
    seed: int  # of the rendered data
    columns: str = ""  # triplets schema: which column holds what; empty for a known data set
    start: int = 0  # rows before it are skipped without decoding


class RawRow(NamedTuple):
    """A row as stored, and its file and row number for messages (rows count from 0, lines from 1)."""

    where: str
    row: Row


@dataclass(frozen=True)
class RowSpec:
    """Identity of a row and how its picture is to be fitted."""

    image_id: str
    domain: str  # seen | unseen
    size: int  # side of the square, px
    fit: str  # letterbox | crop


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


def text_of(row: Row, column: str) -> str:
    """Return a text column, stripped; "" where the row has none."""
    value = row.get(column)
    return "" if value is None else str(value).strip()


def short_text(row: Row, column: str) -> tuple[str, tuple[str, ...]]:
    """Return a caption or instruction on one line, cut at MAX_TEXT characters, and a remark if it was cut."""
    text = " ".join(text_of(row, column).split())
    return (text, ()) if len(text) <= MAX_TEXT else (text[:MAX_TEXT].rstrip(), (f"{column} cut",))
