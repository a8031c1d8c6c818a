"""Read the rows of local parquet files with bounded memory, and pick the cells that a schema uses.

Read with pyarrow page by page: `datasets` holds whole row groups in memory and takes several times as long. A small
file can hold cells of any size (one long text, stored once and repeated), so sizes are known before cells are decoded.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types

from atelier.common.errors import RefusedError, UserError, row_boundary
from atelier.common.files import open_plain
from atelier.common.listing import FoundFile, count_kinds, join, list_files
from atelier.common.values import MAX_BYTES
from atelier.data.schemas.rows import RawRow, Row, exists, not_here, picture_beside
from atelier.images.decode import HUB

BATCH = 16  # rows decoded at a time, at most
BATCH_BYTES = 2**26  # of their cells, unless a single row is larger
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
    """Return the cells of the chosen columns under their keys; a picture or mask given as text is a file.

    Args:
        table: the local file; None: the table is elsewhere, and cannot name files here.
    """
    cells = {key: row.get(column) for key, column in columns.items()}
    for key in PICTURES & cells.keys():
        cells[key] = _find_picture(cells[key], table)
    folder = PurePosixPath(table.name).parent.as_posix() if table else "."
    if folder != "." and isinstance(name := cells.get("file_name"), str) and name.strip():
        cells["file_name"] = join(folder, name.strip())
    return RawRow(where, cells)


def read_parquet(path: Path, start: int, choose: Choose) -> Iterator[RawRow]:
    """Read the rows of a parquet file, or of all parquet files below a folder in name order, from `start` on.

    Raises:
        UserError: there is no such file, or one cannot be read.
    """
    for file in _parquet_files(path):
        try:
            open_plain(file.path).close()
            metadata = pq.read_metadata(file.path)
            options = {"pre_buffer": False, "buffer_size": BUFFER, "read_dictionary": _nested_texts(metadata)}
            with pq.ParquetFile(file.path, metadata=metadata, **options) as table:
                columns = choose_from(str(path), choose, table.schema_arrow.names)
                for number, row in _table_rows(table, columns, start):
                    yield _pick_row(row, columns, f"{file.name} row {number}", file)
                start = max(0, start - metadata.num_rows)
        except UserError:
            raise
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


def _table_rows(table: pq.ParquetFile, columns: Mapping[str, str], start: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield (number in the file, row) from `start` on; earlier row groups are not read."""
    number, groups, largest = 0, [], 1
    names = list(columns.values())
    for group in range(table.num_row_groups):
        facts = table.metadata.row_group(group)
        if not groups and number + facts.num_rows <= start:
            number += facts.num_rows
        else:
            groups.append(group)
            largest = max(largest, _largest_row(table.metadata, facts, names))
    if not groups:
        return
    size = min(BATCH, max(1, BATCH_BYTES // largest))
    for batch in table.iter_batches(size, row_groups=groups, columns=names, use_threads=False):
        for place in range(min(max(0, start - number), len(batch)), len(batch)):
            yield number + place, batch.slice(place, 1)
        number += len(batch)


def _largest_row(metadata: pq.FileMetaData, group: pq.RowGroupMetaData, names: Sequence[str]) -> int:
    """Return what one row of a group can hold at most, in bytes: each text is stored at least once in its column.

    Raises:
        UserError: the numbers in the lists of a column take more than ROW_BYTES.
    """
    total = 0
    for number in range(group.num_columns):
        chunk, leaf = group.column(number), metadata.schema.column(number)
        column = leaf.path.split(".")[0]
        if column not in names and leaf.path not in names:
            continue
        nested = 8 * chunk.num_values if leaf.max_repetition_level > 0 else 8
        if nested > ROW_BYTES:
            limit = f"{ROW_BYTES // 2**20} MiB, the limit"
            raise UserError(f"column {column!r} holds more than {limit}, in one row group; write smaller row groups")
        total += nested + (chunk.total_uncompressed_size if leaf.physical_type == "BYTE_ARRAY" else 0)
    return total


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
    if not table or not path.strip():
        return None
    return picture_beside(table, path)
