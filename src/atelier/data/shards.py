"""Rows that `prepare` has read, stored in shards, so that memory stays constant and an interrupted run can resume.

A shard is a folder: the kept items (parquet) and a record of every row (JSON). It is written atomically, so that a
killed run leaves only complete shards.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from pathlib import Path

from atelier.common.files import atomic_write
from atelier.common.records import Item, iter_rows, write_rows
from atelier.data.schemas import ParsedRow

SHARD = 256  # rows per shard; an interruption loses the work on one shard, a few seconds
_ITEMS, _RECORDS = "items.parquet", "records.json"


@dataclass(frozen=True, slots=True)
class RowRecord:
    """The fields of a row that the split and the report need."""

    image_id: str
    where: str  # file and row number for messages
    name: str = ""  # the data set's own name of the picture
    refused: str = ""
    remarks: tuple[str, ...] = ()
    item_id: str = ""
    person_id: str = ""
    garment: str = ""
    split: str = ""


@dataclass(frozen=True)
class Shards:
    """The rows of one source, in order, as far as they have been read."""

    folder: Path

    def fill(self, rows: Iterator[ParsedRow]) -> None:
        """Append rows, shard by shard, and mark the source as complete."""
        number = len(self._folders())
        for first in rows:
            records: list[RowRecord] = []
            shard = islice(chain([first], rows), SHARD)
            with atomic_write(self.folder / f"shard-{number:06d}") as partial:
                partial.mkdir()
                write_rows(partial / _ITEMS, Item, _record(shard, records))
                text = json.dumps([asdict(record) for record in records])
                (partial / _RECORDS).write_text(text, encoding="utf-8")
            number += 1
        with atomic_write(self._end) as partial:
            partial.touch()

    @property
    def complete(self) -> bool:
        """Whether the source has been read to its end."""
        return self._end.exists()

    def records(self) -> list[RowRecord]:
        """Return a record of every row that has been read, in order."""
        texts = (json.loads((folder / _RECORDS).read_text(encoding="utf-8")) for folder in self._folders())
        return [RowRecord(**record | {"remarks": tuple(record["remarks"])}) for shard in texts for record in shard]

    def items(self) -> Iterator[Item]:
        """Iterate over the items of the kept rows, in order, without splits."""
        for folder in self._folders():
            yield from iter_rows(folder / _ITEMS, Item)

    @property
    def _end(self) -> Path:
        return self.folder / "end"

    def _folders(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("shard-*") if path.suffix != ".partial")


def _record(rows: Iterator[ParsedRow], records: list[RowRecord]) -> Iterator[Item]:
    """Yield the items of the rows and append a record of every row."""
    for row in rows:
        record = RowRecord(row.image_id, row.where, refused=row.refused, remarks=row.remarks)
        if (item := row.item) is None:
            records.append(record)
        else:
            # The name follows domain and number. Triplet data sets repeat a picture's name, so it is left out there.
            name = "" if item.instruction is not None else row.image_id.split("-", 2)[-1]
            own = {"item_id": item.item_id, "person_id": item.person_id, "garment": item.garment}
            records.append(replace(record, name=name, **own))
            yield item
