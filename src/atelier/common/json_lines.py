"""Read JSON lines: one JSON object per line, each by itself, so that one bad line does not spoil the others."""

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from atelier.common.errors import RefusedError
from atelier.common.files import open_plain

MAX_LINE = 2**24  # longest line, bytes


class JsonLine(NamedTuple):
    """A line that is not blank: its number from 1, and its object, or the reason why it is refused."""

    number: int
    row: dict[str, Any]
    problem: str = ""


def read_json_lines(path: Path) -> Iterator[JsonLine]:
    """Yield the lines of a file that are not blank; a byte order mark is skipped.

    Raises:
        UserError: the file cannot be opened, or is not a plain file.
    """
    with open_plain(path) as stream:
        for number, line in enumerate(_split(stream), start=1):
            text = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if text.strip():
                try:
                    yield JsonLine(number, parse_line(text))
                except RefusedError as refused:
                    yield JsonLine(number, {}, str(refused))


def parse_line(line: bytes) -> dict[str, Any]:
    """Parse one line.

    Raises:
        RefusedError: it is too long, not UTF-8, or no JSON object.
    """
    if len(line) > MAX_LINE:
        raise RefusedError(f"line over {MAX_LINE // 2**20} MiB")
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise RefusedError("line is not UTF-8") from None
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise RefusedError("line is no JSON object")
    return row


def _split(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the lines; of a line over MAX_LINE only its beginning, so that it is not held in memory."""
    while line := stream.readline(MAX_LINE + 1):
        rest = line
        while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_LINE + 1)
        yield line
