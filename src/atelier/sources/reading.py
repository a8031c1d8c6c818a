"""What is asked of a source, one row of it with the place where it stands, and what reading it came to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from atelier.records import Item

MAX_TEXT = 500  # characters of a caption or an instruction that are kept

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """Rows number start, start + 1, … below `rows` of a source."""

    where: str
    rows: int
    size: int  # side of the square that a rendered source draws, px
    seed: int  # of the rendered world
    columns: str = ""  # triplets: which columns hold what
    start: int = 0


class Found(NamedTuple):
    """A raw row, and its file and row as a person would look for them. Rows count from 0, lines from 1."""

    where: str
    row: Row


@dataclass(frozen=True)
class Place:
    """Which row of its source is read, and how its picture is to be fitted."""

    number: int  # of the row in its source, from 0
    domain: str  # seen | unseen
    size: int  # side of the square, px
    fit: str  # letterbox | crop

    def image_id(self, name: str) -> str:
        """A unique image id, even where the data set repeats its names, that still shows that name."""
        return f"{self.domain}-{self.number:06d}-{name}"


class Made(NamedTuple):
    """A clean item, and remarks on what the row lacks."""

    item: Item
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """A clean item, or why the row was refused; remarks say what a kept item lacks. Its split is not decided yet."""

    image_id: str
    item: Item | None
    refused: str = ""
    remarks: tuple[str, ...] = ()
    where: str = ""  # file and row, as a person would look for them


def text_of(row: Row, column: str) -> str:
    """A text column, stripped; "" where the row has none."""
    value = row.get(column)
    return "" if value is None else str(value).strip()


def wording_of(row: Row, column: str) -> tuple[str, tuple[str, ...]]:
    """A caption or an instruction on one line, cut at MAX_TEXT characters, and the remark that says so."""
    text = " ".join(text_of(row, column).split())
    return (text, ()) if len(text) <= MAX_TEXT else (text[:MAX_TEXT].rstrip(), (f"{column} cut",))
