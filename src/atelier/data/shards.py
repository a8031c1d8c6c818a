"""What `prepare` has read so far, on disk in parts, so that memory stays flat and an interrupted run goes on.

A part is a folder: the items that were kept (parquet) and a fact on every row (JSON). It appears under its name only
when whole, so whatever a kill leaves behind is whole parts.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from pathlib import Path

from atelier.common.files import atomic_write
from atelier.common.records import Item, iter_rows, write_rows
from atelier.data.schemas import ParsedRow

PART = 256  # rows of a part: seconds of work that an interruption costs
_ITEMS, _FACTS = "items.parquet", "facts.json"


@dataclass(frozen=True, slots=True)
class Fact:
    """What is remembered of a row while the others are read."""

    image_id: str
    where: str  # its file and row, for people
    name: str = ""  # the data set's own of the picture
    refused: str = ""
    remarks: tuple[str, ...] = ()
    item_id: str = ""
    person_id: str = ""
    garment: str = ""
    split: str = ""


@dataclass(frozen=True)
class Spool:
    """The rows of one source, in order, as far as they have been read."""

    folder: Path

    def fill(self, readings: Iterator[ParsedRow]) -> None:
        """Keep readings as they come, part by part, after those that are here; at the end the spool is whole."""
        number = len(self._parts())
        for first in readings:
            facts: list[Fact] = []
            part = islice(chain([first], readings), PART)
            with atomic_write(self.folder / f"part-{number:06d}") as partial:
                partial.mkdir()
                write_rows(partial / _ITEMS, Item, _note(part, facts))
                (partial / _FACTS).write_text(json.dumps([asdict(fact) for fact in facts]), encoding="utf-8")
            number += 1
        with atomic_write(self._end) as partial:
            partial.touch()

    @property
    def ended(self) -> bool:
        """Whether the source has been read to its end."""
        return self._end.exists()

    def facts(self) -> list[Fact]:
        """A fact on every row that has been read, in order."""
        texts = (json.loads((part / _FACTS).read_text(encoding="utf-8")) for part in self._parts())
        return [Fact(**fact | {"remarks": tuple(fact["remarks"])}) for part in texts for fact in part]

    def items(self) -> Iterator[Item]:
        """The items of the rows that were kept, in order, their splits still empty."""
        for part in self._parts():
            yield from iter_rows(part / _ITEMS, Item)

    @property
    def _end(self) -> Path:
        return self.folder / "end"

    def _parts(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("part-*") if path.suffix != ".partial")


def _note(readings: Iterator[ParsedRow], facts: list[Fact]) -> Iterator[Item]:
    """The items among the readings, with a fact on each reading put down on the way."""
    for one in readings:
        fact = Fact(one.image_id, one.where, refused=one.refused, remarks=one.remarks)
        if (item := one.item) is None:
            facts.append(fact)
        else:
            # Behind the domain and the number. A data set of triplets has several to a picture: no name of its own.
            name = "" if item.instruction is not None else one.image_id.split("-", 2)[-1]
            words = {"item_id": item.item_id, "person_id": item.person_id, "garment": item.garment}
            facts.append(replace(fact, name=name, **words))
            yield item
