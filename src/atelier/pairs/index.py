"""Random access to the items of a file: metadata in memory, pictures read from the file on request."""

import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import accumulate, count
from pathlib import Path

import pyarrow as pa

from atelier.common.records import Item, ItemMetadata
from atelier.common.row_files import open_table, read_group

GROUPS = 4  # row groups kept in memory: the pictures of one garment item are neighbours in the file


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry(ItemMetadata):
    """The metadata of an item and its position in the file."""

    row: int
    masked: bool  # whether the item has a mask

    @property
    def shows_garment(self) -> bool:
        """Whether the mask is the garment's; with an instruction it is that of the region to edit."""
        return self.masked and self.instruction is None


Fetch = Callable[[IndexEntry], Item]  # reads the item of an entry, pictures included


class ItemIndex:
    """Index of a file of items; its memory grows with the metadata, not with the pictures.

    Raises:
        UserError: the file is missing, not parquet, or lacks a column of an item.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, open_table(path, Item)
        sizes = [self._file.metadata.row_group(number).num_rows for number in range(self._file.num_row_groups)]
        self._starts = list(accumulate(sizes, initial=0))
        self._group = lru_cache(GROUPS)(self._read_group)
        self.entries = list(self._read_entries())

    def fetch(self, entry: IndexEntry) -> Item:
        """Read one item with its pictures."""
        number = bisect_right(self._starts, entry.row) - 1
        (row,) = self._group(number).slice(entry.row - self._starts[number], 1).to_pylist()
        return Item(**row)

    def _read_group(self, number: int) -> pa.Table:
        return read_group(self._file, self._path, number, Item)

    def _read_entries(self) -> Iterator[IndexEntry]:
        numbers = count()
        columns = [field.name for field in fields(ItemMetadata)]
        for group in range(self._file.num_row_groups):
            table = read_group(self._file, self._path, group, ItemMetadata, "mask")
            for row, mask in zip(table.select(columns).to_pylist(), table["mask"], strict=True):
                interned = {name: sys.intern(value) if isinstance(value, str) else value for name, value in row.items()}
                yield IndexEntry(**interned, row=next(numbers), masked=mask.is_valid)
