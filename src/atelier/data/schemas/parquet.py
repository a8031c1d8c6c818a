"""Read the rows of local parquet files with bounded memory, and pick the cells that a schema uses.

Read with pyarrow page by page: `datasets` holds whole row groups in memory and takes several times as long. A small
file can hold cells of any size (one long text, stored once and repeated), so sizes are known before cells are decoded.

A page is decompressed whole, and pyarrow holds its compressed bytes meanwhile: 229 MiB of JPEG files in one page take
473 MiB. `datasets` writes pages of 1 to 2 MiB. pyarrow and pandas, left to themselves, put 1,024 rows into a page, so
that pictures of more than 256 KiB on average are over the limit.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types

from atelier.common.errors import RefusedError, UserError, row_boundary
from atelier.common.files import open_plain
from atelier.common.listing import FoundFile, count_kinds, list_files
from atelier.common.values import MAX_BYTES, is_listed
from atelier.data.schemas.parquet_pages import page_sizes
from atelier.data.schemas.rows import RawRow, Row, exists, not_here, picture_beside
from atelier.images.decode import HUB

BATCH = 16  # rows decoded at a time, at most
BATCH_BYTES = 2**26  # of their cells, unless a single row is larger
PAGE_BYTES = 2**28  # of the pages of pictures that are decompressed at one time, each whole
TEXT_BYTES = 2**26  # of a page of texts, which pyarrow holds four times, and of the numbers in a column's lists
ROW_BYTES = 2**27  # of one row's cells: a larger row is refused
BUFFER = 1 << 16  # bytes of a column that are read ahead
NUMBER_BYTES = 32  # of a number as a Python object
PICTURES = frozenset({"image", "images", "mask", "source", "target"})  # keys whose text names a file

Choose = Callable[[Sequence[str]], Mapping[str, str]]  # column names of a table → {key of the row: column}


def choose_from(where: str, choose: Choose, have: Sequence[str]) -> Mapping[str, str]:
    """Choose columns of a source.

    Raises:
        UserError: `choose` finds none, or a chosen column occurs twice; the message names the source.
    """
    try:
        columns = choose(have)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    twice = [column for column in columns.values() if Counter(have)[column] > 1]
    if twice:
        raise UserError(f"{where}: column {twice[0]!r} occurs twice; expected it once")
    return columns


def pick_cells(row: Row, columns: Mapping[str, str], where: str, table: FoundFile | None = None) -> RawRow:
    """Return the cells of the chosen columns under their keys; a picture given as text, or a list of one, is a file.

    Args:
        table: the local file; None: the table is elsewhere, and cannot name files here.
    """
    cells = {key: row.get(column) for key, column in columns.items()}
    for key in sorted(PICTURES & cells.keys()):
        named = list(cells[key]) if is_listed(cells[key]) else [cells[key]]
        if len(named) > 1:
            return RawRow(where, {}, f"several pictures in {columns[key]}")
        cells[key] = _find_picture(named[0], table) if named else None
    return RawRow(where, cells)


def read_parquet(path: Path, start: int, choose: Choose) -> Iterator[RawRow]:
    """Read the rows of a parquet file, or of all parquet files below a folder in name order, from `start` on.

    Raises:
        UserError: there is no such file, or one cannot be read.
    """
    for file in _parquet_files(path):
        try:
            with open_plain(file.path) as stream:
                metadata = pq.read_metadata(file.path)
                columns = choose_from(str(path), choose, metadata.schema.to_arrow_schema().names)
                groups, first = _choose_groups(metadata, start)
                largest = _largest_row(stream, metadata, groups, list(columns.values()))
            options = {"pre_buffer": False, "buffer_size": BUFFER, "read_dictionary": _nested_texts(metadata)}
            with pq.ParquetFile(file.path, metadata=metadata, **options) as table:
                size = min(BATCH, max(1, BATCH_BYTES // largest))
                for number, row in _table_rows(table, columns, groups, first, start, size):
                    raw = _pick_row(row, columns, f"{file.name} row {number}", file)
                    del row  # it holds its whole batch
                    yield raw
                start = max(0, start - metadata.num_rows)
        except UserError as error:
            raise UserError(str(error) if str(path) in str(error) else f"{file.path}: {error}") from None
        except (OSError, ValueError, OverflowError, pa.ArrowException) as error:
            raise UserError(f"{file.path}: cannot be read: {' '.join(str(error).split())[:300]}") from None


def count_left_out(path: Path) -> Counter[str]:
    """Count the files of a folder that are no parquet files, by kind."""
    listing = list_files(path)
    return count_kinds(file.name for file in listing.files if not _is_parquet(file)) + listing.skipped


def _parquet_files(path: Path) -> list[FoundFile]:
    if not exists(path):
        raise not_here(path, "file or folder", "parquet files, world:studio, or a hub name")
    if not path.is_dir():
        return [FoundFile(path.name, path.parent, path.name)]
    listing = list_files(path)
    for name in listing.others:
        if name.endswith(".parquet"):
            raise UserError(f"{path / name}: {listing.others[name]}; expected a parquet file")
    files = [file for file in listing.files if _is_parquet(file)]
    if not files:
        raise UserError(f"{path}: holds no parquet files")
    for file in files:
        if file.leads_out:
            raise UserError(f"{path / file.name}: a link that leads out of the source; expected a file inside")
    return sorted(files, key=lambda file: PurePosixPath(file.name))


def _is_parquet(file: FoundFile) -> bool:
    return file.name.endswith(".parquet")


def _nested_texts(metadata: pq.FileMetaData) -> list[str]:
    """Return the paths of texts inside lists: read as a dictionary, so that a repeated text is held once."""
    leaves = [metadata.schema.column(number) for number in range(metadata.num_columns)]
    return [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY" and leaf.max_repetition_level > 0]


def _choose_groups(metadata: pq.FileMetaData, start: int) -> tuple[list[int], int]:
    """Return the row groups from the one that holds row `start` on, and the number of their first row."""
    number = 0
    for group in range(metadata.num_row_groups):
        count = metadata.row_group(group).num_rows
        if number + count > start:
            return list(range(group, metadata.num_row_groups)), number
        number += count
    return [], number


def _table_rows(
    table: pq.ParquetFile, columns: Mapping[str, str], groups: list[int], number: int, start: int, size: int
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield (number in the file, row) of some row groups from row `start` on; their first row has number `number`."""
    if not groups:
        return
    names = list(columns.values())
    for batch in table.iter_batches(size, row_groups=groups, columns=names, use_threads=False):
        for place in range(min(max(0, start - number), len(batch)), len(batch)):
            yield number + place, batch.slice(place, 1)
        number += len(batch)
        del batch  # before the next one is read


def _largest_row(stream: BinaryIO, metadata: pq.FileMetaData, groups: Sequence[int], names: Sequence[str]) -> int:
    """Return what one row can hold at most, in bytes: each text is stored at least once in its column.

    Raises:
        UserError: a page, or the numbers in the lists of a column, are too large.
    """
    largest = 1
    for group in map(metadata.row_group, groups):
        total = held = 0
        for number in range(group.num_columns):
            chunk, leaf = group.column(number), metadata.schema.column(number)
            if leaf.path in names or leaf.path.split(".")[0] in names:
                cell, page = _largest_cell(stream, chunk, leaf)
                total, held = total + cell, held + page
                _check_size(leaf, "page" if held == page else "page, with those of other columns,", held, PAGE_BYTES)
        largest = max(largest, total)
    return largest


def _largest_cell(stream: BinaryIO, chunk: pq.ColumnChunkMetaData, leaf: pq.ColumnSchema) -> tuple[int, int]:
    """Return the bytes of the largest cell, at most, and of the largest page."""
    try:
        pages = list(page_sizes(stream, chunk))
    except ValueError:  # damaged, which pyarrow reports
        pages = [chunk.total_uncompressed_size]
    numbers = 8 * chunk.num_values if leaf.max_repetition_level > 0 else 8
    page = max(pages, default=0)
    if leaf.logical_type.type == "STRING":
        _check_size(leaf, "page", page, TEXT_BYTES)
    _check_size(leaf, "row group", numbers, TEXT_BYTES)
    return numbers + (sum(pages) if leaf.physical_type == "BYTE_ARRAY" else 0), page


def _check_size(leaf: pq.ColumnSchema, what: str, size: int, most: int) -> None:
    if size > most:
        how = "row_group_size=100" if what == "row group" else "write_batch_size=16"
        limit = f"a {what} over {most // 2**20} MiB, the limit"
        raise UserError(f"column {leaf.path!r}: {limit}; write smaller ones (pyarrow and pandas: {how})")


def _pick_row(row: pa.RecordBatch, columns: Mapping[str, str], where: str, table: FoundFile) -> RawRow:
    """Decode a row's cells, once their sizes are known."""
    try:
        with row_boundary():
            size = sum(_measure(row.column(column), key) for key, column in columns.items())
            if size > ROW_BYTES:
                raise RefusedError(f"row over {ROW_BYTES // 2**20} MiB")
            cells = {column: _decode(row.column(column)[0], key) for key, column in columns.items()}
            return pick_cells(cells, columns, where, table)._replace(size=size)
    except RefusedError as refused:
        return RawRow(where, {}, str(refused))


def _measure(array: pa.Array, key: str) -> int:
    """Return the bytes of the values of an array as Python objects, roughly.

    Raises:
        RefusedError: a text is larger than MAX_BYTES.
    """
    kind = array.type
    if types.is_struct(kind):
        return sum(_measure(child, key) for child in array.flatten())
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind) or types.is_map(kind):
        return _measure(array.flatten(), key) + NUMBER_BYTES
    words = array.dictionary if types.is_dictionary(kind) else array
    texts = types.is_string(words.type) or types.is_large_string(words.type)
    if not texts and not types.is_binary(words.type) and not types.is_large_binary(words.type):
        return NUMBER_BYTES * len(array)
    sizes = pc.binary_length(words)
    if types.is_dictionary(kind):
        sizes = sizes.take(array.indices)
    if texts and (pc.max(sizes).as_py() or 0) > MAX_BYTES:
        raise RefusedError(f"{key} over 1 MiB")
    return (pc.sum(sizes).as_py() or 0) + NUMBER_BYTES * len(array)


def _decode(cell: pa.Scalar, key: str) -> Any:
    try:
        return cell.as_py()
    except UnicodeDecodeError:
        raise RefusedError(f"{key} is not Unicode") from None


def _find_picture(value: Any, table: FoundFile | None) -> Any:
    """Resolve a picture that the table names instead of containing: next to the table, or on the hub."""
    contained = isinstance(value, dict) and value.get("bytes")
    path = value.get("path") if isinstance(value, dict) and not contained else value
    if contained or not isinstance(path, str):
        return value
    if path.startswith(HUB):
        return {"bytes": None, "path": path}
    return picture_beside(table, path) if table and path.strip() else None
