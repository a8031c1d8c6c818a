"""Open a source that is a table and stream its raw rows: rendered data, a hub data set, or local parquet files.

Pictures stay encoded, so that a corrupt picture refuses its row and does not stop the run. Only the requested rows and
columns are read, and memory does not grow with the number of rows. Local parquet is read page by page with pyarrow:
`datasets` holds whole row groups in memory and takes several times as long.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from atelier.common.errors import UserError
from atelier.data.schemas.rows import RawRow, Request, Row
from atelier.images.decode import HUB, PictureFile
from atelier.synthetic import fashion

WORLD = "world:"
DOMAINS = ("studio", "street")
BATCH = 16  # rows read from a parquet file at a time
BUFFER = 1 << 16  # bytes of a column that are read ahead

Choose = Callable[[Sequence[str]], Mapping[str, str]]  # column names of a table → {key of the row: column}


def open_table(request: Request, choose: Choose) -> Iterator[RawRow]:
    """Stream the requested rows of a table, with the columns that `choose` selects.

    Raises:
        UserError: the source does not exist, cannot be read, or lacks a column that `choose` requires.
    """
    if request.where.startswith(WORLD):
        return _render(request, choose)
    if is_local(request.where):
        return _read_parquet(Path(request.where).expanduser(), request.start, choose)
    return _stream_hub(request, choose)


def is_local(where: str) -> bool:
    """Whether a source is a local path rather than a hub name."""
    return Path(where).expanduser().exists() or where.endswith(".parquet") or where.startswith((".", "/", "~"))


def choose_columns(
    have: Sequence[str], *, schema: str, required: Sequence[str], optional: Sequence[str]
) -> dict[str, str]:
    """Select the columns of a published schema, under their own names.

    Raises:
        UserError: a required column is missing.
    """
    missing = [column for column in required if column not in have]
    if missing:
        expected = f"the {schema} schema has {', '.join(required)}; this source has {', '.join(have)}"
        raise UserError(f"no column {missing[0]!r}; {expected}")
    return {column: column for column in (*required, *optional) if column in have}


def _render(request: Request, choose: Choose) -> Iterator[RawRow]:
    where, domain = request.where, request.where.removeprefix(WORLD)
    if domain not in DOMAINS:
        raise UserError(f"{where}: no such rendered world; one of {', '.join(WORLD + name for name in DOMAINS)}")
    rows = fashion.rows(domain, request.rows, request.seed, request.size, start=request.start)
    return _name_rows(rows, where, request.start, choose, where)


def _name_rows(rows: Iterator[Row], table: str, start: int, choose: Choose, where: str) -> Iterator[RawRow]:
    columns = None
    for number, row in enumerate(rows, start):
        columns = columns or _choose(where, choose, list(row))
        yield RawRow(f"{table} row {number}", _pick(row, columns, Path()))


def _choose(where: str, choose: Choose, have: Sequence[str]) -> Mapping[str, str]:
    try:
        return choose(have)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def _stream_hub(request: Request, choose: Choose) -> Iterator[RawRow]:
    """Stream the rows of a hub data set without decoding their pictures."""
    from datasets import Image, IterableDatasetDict, load_dataset  # imports in a second; local sources do not need it

    where = request.where
    try:
        dataset = load_dataset(where, streaming=True)
        split = "train"
        if isinstance(dataset, IterableDatasetDict):
            split = "train" if "train" in dataset else next(iter(dataset))
            dataset = dataset[split]
        for column, feature in (dataset.features or {}).items():
            if isinstance(feature, Image):
                dataset = dataset.cast_column(column, Image(decode=False))
        yield from _name_rows(iter(dataset.skip(request.start)), split, request.start, choose, where)
    except UserError:
        raise
    except Exception as error:  # `datasets` raises about twenty exception types of four libraries
        raise UserError(f"{where}: cannot be read: {' '.join(str(error).split())[:300]}") from None


def _read_parquet(path: Path, start: int, choose: Choose) -> Iterator[RawRow]:
    """Read the rows of a parquet file, or of all parquet files below a folder in name order, from `start` on."""
    for file in _parquet_files(path):
        name = file.name if path.is_file() else file.relative_to(path).as_posix()
        try:
            with pq.ParquetFile(file, pre_buffer=False, buffer_size=BUFFER) as table:
                columns = _choose(str(path), choose, table.schema_arrow.names)
                for number, row in _table_rows(table, list(columns.values()), start):
                    yield RawRow(f"{name} row {number}", _pick(row, columns, file.parent))
                start = max(0, start - table.metadata.num_rows)
        except (OSError, pa.ArrowException) as error:
            raise UserError(f"{file}: cannot be read: {' '.join(str(error).split())[:300]}") from None


def _table_rows(table: pq.ParquetFile, columns: list[str], start: int) -> Iterator[tuple[int, Row]]:
    """Yield (number in the file, row) from `start` on; earlier row groups are not read."""
    number, groups = 0, []
    for group in range(table.num_row_groups):
        count = table.metadata.row_group(group).num_rows
        if not groups and number + count <= start:
            number += count
        else:
            groups.append(group)
    if not groups:
        return
    for batch in table.iter_batches(BATCH, row_groups=groups, columns=columns, use_threads=False):
        before = min(max(0, start - number), len(batch))
        yield from enumerate(batch.slice(before).to_pylist(), number + before)
        number += len(batch)


def _pick(row: Row, columns: Mapping[str, str], folder: Path) -> Row:
    return {key: _find_picture(row[column], folder) for key, column in columns.items()}


def _find_picture(value: Any, folder: Path) -> Any:
    """Resolve a picture that the table names instead of containing: next to the table, or on the hub."""
    path = str(value.get("path") or "") if isinstance(value, dict) and not value.get("bytes") else ""
    return PictureFile(folder, path) if path and not path.startswith(HUB) else value


def _parquet_files(path: Path) -> list[Path]:
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; expected parquet files, world:studio, or a hub name")
    files = (
        [path] if path.is_file() else sorted(file for file in path.rglob("*.parquet") if not file.name.startswith("."))
    )
    if not files:
        raise UserError(f"{path}: holds no parquet files")
    return files
