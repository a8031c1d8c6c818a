"""Items by row: a light listing of each in memory, the pictures in their file until one is asked for."""

import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import accumulate, count
from pathlib import Path

import pyarrow as pa

from atelier.common.records import Entry, Item, open_table, read_group

GROUPS = 4  # row groups kept in memory: the pictures of one garment item stand side by side


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Entry):
    """An item as it stands on the shelf."""

    row: int  # in its file
    masked: bool  # whether it brings a mask

    @property
    def shows_garment(self) -> bool:
        """Whether its mask is its garment's; the one beside an instruction is of what that changes."""
        return self.masked and self.instruction is None


Fetch = Callable[[Listing], Item]  # a listing → its item, pictures and all


class Shelf:
    """The items of a file that `write_rows` wrote; memory grows with their words, not with their pictures.

    Raises:
        UserError: the file is missing, not parquet, or lacks a column of an item.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, open_table(path, Item)
        sizes = [self._file.metadata.row_group(number).num_rows for number in range(self._file.num_row_groups)]
        self._starts = list(accumulate(sizes, initial=0))
        self._group = lru_cache(GROUPS)(self._read_group)
        self.listings = list(self._list())

    def fetch(self, listing: Listing) -> Item:
        """One item with its pictures."""
        number = bisect_right(self._starts, listing.row) - 1
        (row,) = self._group(number).slice(listing.row - self._starts[number], 1).to_pylist()
        return Item(**row)

    def _read_group(self, number: int) -> pa.Table:
        return read_group(self._file, self._path, number, Item)

    def _list(self) -> Iterator[Listing]:
        numbers = count()
        words_of = [field.name for field in fields(Entry)]
        for group in range(self._file.num_row_groups):
            table = read_group(self._file, self._path, group, Entry, "mask")
            for words, mask in zip(table.select(words_of).to_pylist(), table["mask"], strict=True):
                shared = {name: sys.intern(word) if isinstance(word, str) else word for name, word in words.items()}
                yield Listing(**shared, row=next(numbers), masked=mask.is_valid)
