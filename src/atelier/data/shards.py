"""Rows that `prepare` has read, stored in shards, so that memory stays constant and an interrupted run can resume.

A shard is a sealed folder: the kept items (parquet) and a record of every row (JSON). A killed run leaves only complete
shards, and a damaged one is read again with all that follow it.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from pathlib import Path

from atelier.common.files import remove, write_json
from atelier.common.records import Item, iter_rows, write_rows
from atelier.common.sealed import DamagedError, check_sealed, set_aside, write_sealed
from atelier.data.found_masks import FOUND
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
    mask: str = ""  # given by the source, found by the segmenter, or "": none


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
            with write_sealed(self.folder / _name(number)) as partial:
                write_rows(partial / _ITEMS, Item, _record(shard, records))
                text = json.dumps([asdict(record) for record in records])
                (partial / _RECORDS).write_text(text, encoding="utf-8")
            number += 1
        write_json(self._end, {"shards": number, "rows": len(self.records())})

    def check(self) -> None:
        """Set damaged shards aside, with those after them: their rows are read again."""
        whole = 0
        for folder in self._folders():
            try:
                if folder.name != _name(whole):
                    raise DamagedError(f"{_name(whole)} is missing before it")
                check_sealed(folder)
                whole += 1
            except DamagedError as damage:
                set_aside(folder, str(damage))
        try:
            end = json.loads(self._end.read_bytes())
        except FileNotFoundError:
            return
        except ValueError:
            end = None
        if end != {"shards": whole, "rows": len(self.records())}:
            remove(self._end)

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
        return self.folder / "end.json"

    def _folders(self) -> list[Path]:
        return sorted(self.folder.glob("shard-*"))


def _name(number: int) -> str:
    return f"shard-{number:06d}"


def _record(rows: Iterator[ParsedRow], records: list[RowRecord]) -> Iterator[Item]:
    """Yield the items of the rows and append a record of every row."""
    for row in rows:
        record = RowRecord(row.image_id, row.where, refused=row.refused, remarks=row.remarks)
        if (item := row.item) is None:
            records.append(record)
        else:
            # The name follows domain and number. Triplet data sets repeat a picture's name, so it is left out there.
            name = "" if item.instruction is not None else row.image_id.split("-", 2)[-1]
            mask = "" if item.mask is None else "found" if FOUND in row.remarks else "given"
            own = {"item_id": item.item_id, "person_id": item.person_id, "garment": item.garment, "mask": mask}
            records.append(replace(record, name=name, **own))
            yield item
