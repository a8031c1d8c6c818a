"""One row of a source: where it stands, and what reading it came to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from atelier.records import Item

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a row stands and how its picture is to be fitted."""

    number: int  # of the row in its source, from 0
    domain: str  # seen | unseen
    size: int  # side of the square, px
    fit: str  # letterbox | crop

    def image_id(self, name: str) -> str:
        """A unique image id that still shows the data set's own name for the picture."""
        return f"{self.domain}-{self.number:06d}-{name}"


@dataclass(frozen=True)
class Reading:
    """A clean item, or why the row was refused; remarks say what a kept item lacks. Its split is not decided yet."""

    image_id: str
    item: Item | None
    refused: str = ""
    remarks: tuple[str, ...] = ()


def text_of(row: Row, column: str) -> str:
    """A text column, stripped; "" where the row has none."""
    value = row.get(column)
    return "" if value is None else str(value).strip()
