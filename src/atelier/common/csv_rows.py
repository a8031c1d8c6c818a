"""Read CSV files whose first line names the columns."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from atelier.common.errors import UserError
from atelier.common.files import open_plain

MAX_FILE = 2**28  # largest file, bytes

CsvRow = tuple[int, dict[str | None, str]]  # number of its last line, from 1; column → value (None: beyond the columns)


def read_csv(file: Path) -> tuple[list[str], list[CsvRow]]:
    """Return the columns and the rows that are not blank.

    Raises:
        UserError: the file cannot be opened, is no plain file or no CSV in UTF-8, or names a column twice.
    """
    with open_plain(file, MAX_FILE) as stream:
        content = stream.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{file}: not CSV in UTF-8: line {line} is not UTF-8") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    return _columns(file, reader), list(_rows(file, reader))


def iter_csv(file: Path) -> Iterator[CsvRow]:
    """Yield the rows that are not blank, of which only a few are in memory at a time.

    Raises:
        UserError: as `read_csv`, at the row that cannot be read.
    """
    with open_plain(file, MAX_FILE) as stream:
        text: TextIO = io.TextIOWrapper(stream, "utf-8-sig", newline="")
        reader = csv.DictReader(text)
        try:
            _columns(file, reader)
            yield from _rows(file, reader)
        except UnicodeDecodeError:
            raise UserError(f"{file}: not CSV in UTF-8: a line after {reader.line_num} is not UTF-8") from None


def _columns(file: Path, reader: "csv.DictReader[str]") -> list[str]:
    try:
        columns = list(reader.fieldnames or [])
    except csv.Error as error:
        raise UserError(f"{file}: not CSV in UTF-8: line {reader.reader.line_num}: {error}") from None
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise UserError(f"{file}: column {twice!r} occurs twice; expected it once")
    return columns


def _rows(file: Path, reader: "csv.DictReader[str]") -> Iterator[CsvRow]:
    try:
        for row in reader:
            yield reader.line_num, {name: value or "" for name, value in row.items()}
    except csv.Error as error:
        raise UserError(f"{file}: not CSV in UTF-8: line {reader.reader.line_num}: {error}") from None
