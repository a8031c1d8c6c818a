"""Parquet files of rows of one dataclass: their columns' types, and the checks of what is read."""

from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from atelier.common.errors import UserError

ARROW = {
    str: pa.string(),
    str | None: pa.string(),
    float: pa.float64(),
    bytes: pa.binary(),
    bytes | None: pa.binary(),
    list[float]: pa.list_(pa.float64()),
    list[float] | None: pa.list_(pa.float64()),
}
_LARGE = {
    pa.string(): pa.large_string(),
    pa.binary(): pa.large_binary(),
}  # the same values, as other programs write them


def open_table(path: Path, row_type: type) -> pq.ParquetFile:
    """Open a file of rows of one type: read its footer and check its columns.

    Raises:
        UserError: the file is missing, not parquet, or lacks a column of `row_type` or has it with another type.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: cannot be read as parquet: not a plain file")
    try:
        file = pq.ParquetFile(path)
        schema = file.schema_arrow
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _unreadable(path, error) from None
    hints = get_type_hints(row_type)
    for field in fields(row_type):
        wanted, number = ARROW[hints[field.name]], schema.get_field_index(field.name)
        if number < 0:
            raise UserError(f"{path}: no column {field.name!r}; expected the columns of {row_type.__name__}")
        found = schema.field(number).type
        if found not in (wanted, _LARGE.get(wanted)):
            raise UserError(f"{path}: column {field.name!r} holds {str(found)[:60]}; expected {wanted}")
    return file


def read_group(file: pq.ParquetFile, path: Path, number: int, row_type: type, *more: str) -> pa.Table:
    """Read one row group of an open file, with the columns of `row_type` and `more`.

    Raises:
        UserError: the row group is damaged, or a value is missing that every row has.
    """
    hints = get_type_hints(row_type)
    try:
        table = file.read_row_group(number, [*(field.name for field in fields(row_type)), *more])
        table.validate(full=True)  # text must be UTF-8
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _unreadable(path, error) from None
    for name, hint in hints.items():
        column = table.column(name)
        inner = column.combine_chunks().values.null_count if pa.types.is_list(column.type) else 0
        if inner or (column.null_count and type(None) not in get_args(hint)):
            raise UserError(f"{path}: column {name!r} lacks values, in row group {number + 1}; every row has one")
    return table


def _unreadable(path: Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:200]
    return UserError(f"{path}: cannot be read as parquet: {reason}")
