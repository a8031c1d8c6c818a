"""The pairs of pictures to compare, read from a CSV or JSONL file with one pair per row.

Columns: pair_id, prompt, picture_a, picture_b, system_a, system_b, and optionally group. Picture paths are relative to
the file's folder. One bad row refuses the whole file, because a pair cannot be added once a survey has begun.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from PIL import Image
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from atelier.common.csv_rows import read_csv
from atelier.common.errors import RefusedError, UserError, row_boundary
from atelier.common.files import open_plain
from atelier.common.json_lines import read_json_lines

FORMATS = ("PNG", "JPEG", "WEBP")  # formats that browsers and model servers accept
MAX_BYTES = 20 * 2**20  # per picture, about what model servers accept
TIE = "tie"

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class Pair(BaseModel):
    """Two pictures of one prompt, and the systems that made them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pair_id: Text
    prompt: Text
    group: str = ""
    picture_a: Path
    picture_b: Path
    system_a: Text
    system_b: Text


def read_pairs(file: Path) -> list[Pair]:
    """Read the pairs of a CSV or JSONL file and check each picture's header.

    Raises:
        UserError: the file cannot be read, contains no pairs, or has an invalid row; the message says which line.
    """
    pairs: dict[str, Pair] = {}
    for line, row in _read_rows(file):
        where = f"{file}, line {line}"
        try:
            pair = Pair.model_validate(row)
        except ValidationError as error:
            raise UserError(f"{where}: {validation_message(error)}; columns: {', '.join(Pair.model_fields)}") from None
        pair = pair.model_copy(update={side: file.parent / getattr(pair, side) for side in ("picture_a", "picture_b")})
        if pair.pair_id in pairs:
            raise UserError(f"{where}: pair_id {pair.pair_id!r} occurs twice; each pair needs its own")
        if pair.system_a == pair.system_b or TIE in (pair.system_a, pair.system_b):
            raise UserError(f"{where}: system_a and system_b must differ, and neither may be {TIE!r}")
        for picture in (pair.picture_a, pair.picture_b):
            try:
                media_type(picture)
            except UserError as error:
                raise UserError(f"{where}: {error}") from None
        pairs[pair.pair_id] = pair
    if not pairs:
        raise UserError(f"{file}: contains no pairs; expected one per row: {', '.join(Pair.model_fields)}")
    return list(pairs.values())


def media_type(picture: Path) -> str:
    """Return a picture's MIME type, determined from its content.

    Raises:
        UserError: the file does not exist, is no plain file, is in none of FORMATS, or is larger than MAX_BYTES.
    """
    with open_plain(picture, MAX_BYTES) as stream:
        try:
            with row_boundary(), Image.open(stream, formats=FORMATS) as opened:
                return Image.MIME[opened.format or ""]
        except RefusedError:
            raise UserError(f"{picture}: not a picture in {', '.join(FORMATS)}") from None


def pair_digest(pair: Pair) -> str:
    """Return 16 hex digits of the SHA-256 of prompt, systems and the pictures' bytes."""
    total = hashlib.sha256(json.dumps([pair.prompt, pair.system_a, pair.system_b]).encode())
    for picture in (pair.picture_a, pair.picture_b):
        with open_plain(picture, MAX_BYTES) as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()[:16]


def validation_message(error: ValidationError) -> str:
    """Return the first error that pydantic found, as `field: reason`."""
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'row'}: {first['msg']}"


def _read_rows(file: Path) -> Iterator[tuple[int, Any]]:
    """Yield (line number, row) of every row that is not blank."""
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl}
    if file.suffix.lower() not in readers:
        raise UserError(f"{file}: the name of a pairs file ends in {' or '.join(readers)}")
    return readers[file.suffix.lower()](file)


def _read_csv(file: Path) -> Iterator[tuple[int, Any]]:
    for line, row in read_csv(file)[1]:
        if None in row:
            raise UserError(f"{file}, line {line}: more values than columns")
        yield line, row


def _read_jsonl(file: Path) -> Iterator[tuple[int, Any]]:
    for line, row, problem in read_json_lines(file):
        if problem:
            raise UserError(f"{file}, line {line}: {problem}")
        yield line, row
