"""The pairs of pictures that are judged, from a CSV or JSONL file: one pair a row.

Columns: pair_id, prompt, picture_a, picture_b, system_a, system_b, and optionally group. Pictures' paths are relative
to the file's own folder. A file with one bad row is refused as a whole: a hole in a survey cannot be repaired later.
"""

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from PIL import Image
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from atelier.errors import UserError

FORMATS = ("PNG", "JPEG", "WEBP")  # what every browser and judge takes
MAX_BYTES = 20 * 2**20  # of one picture: what judges' servers accept, about
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
    """The pairs of a CSV or JSONL file, every picture checked to be one (its header is read, no pixel).

    Raises:
        UserError: the file cannot be read, holds no pairs, or has a row that is wrong; the message names its line.
    """
    pairs: dict[str, Pair] = {}
    for line, row in _read_rows(file):
        where = f"{file}, line {line}"
        try:
            pair = Pair.model_validate(row)
        except ValidationError as error:
            raise UserError(f"{where}: {describe(error)}; columns: {', '.join(Pair.model_fields)}") from None
        pair = pair.model_copy(update={side: file.parent / getattr(pair, side) for side in ("picture_a", "picture_b")})
        if pair.pair_id in pairs:
            raise UserError(f"{where}: pair_id {pair.pair_id!r} is there already; each pair needs its own")
        if pair.system_a == pair.system_b or TIE in (pair.system_a, pair.system_b):
            raise UserError(f"{where}: system_a and system_b must differ, and neither be called {TIE!r}")
        for picture in (pair.picture_a, pair.picture_b):
            try:
                media_type(picture)
            except UserError as error:
                raise UserError(f"{where}: {error}") from None
        pairs[pair.pair_id] = pair
    if not pairs:
        raise UserError(f"{file}: holds no pairs; expected one a row: {', '.join(Pair.model_fields)}")
    return list(pairs.values())


def media_type(picture: Path) -> str:
    """A picture's MIME type, from its content.

    Raises:
        UserError: there is no such file, it is none of FORMATS, or is larger than MAX_BYTES.
    """
    try:
        if picture.stat().st_size > MAX_BYTES:
            raise UserError(f"{picture}: larger than {MAX_BYTES // 2**20} MiB")
        with Image.open(picture, formats=FORMATS) as opened:
            return Image.MIME[opened.format or ""]
    except FileNotFoundError:
        raise UserError(f"{picture}: no such file") from None
    except (OSError, SyntaxError, Image.DecompressionBombError):
        raise UserError(f"{picture}: not a picture in {', '.join(FORMATS)}") from None


def fingerprint(pair: Pair) -> str:
    """16 hex digits of what a judgement of this pair is about: prompt, systems and the pictures' bytes."""
    total = hashlib.sha256(json.dumps([pair.prompt, pair.system_a, pair.system_b]).encode())
    for picture in (pair.picture_a, pair.picture_b):
        total.update(hashlib.sha256(picture.read_bytes()).digest())
    return total.hexdigest()[:16]


def describe(error: ValidationError) -> str:
    """The first thing that pydantic found wrong, in few words."""
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'row'}: {first['msg']}"


def _read_rows(file: Path) -> Iterator[tuple[int, Any]]:
    """(line, row) of every row that is not blank."""
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl}
    if file.suffix.lower() not in readers:
        raise UserError(f"{file}: a pairs file ends in {' or '.join(readers)}")
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            yield from readers[file.suffix.lower()](file, stream)
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{file}: not UTF-8") from None


def _read_csv(file: Path, stream: Any) -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(stream)
    try:
        for row in reader:
            if None in row:
                raise UserError(f"{file}, line {reader.line_num}: more values than columns")
            yield reader.line_num, {name: value or "" for name, value in row.items()}
    except csv.Error as error:
        raise UserError(f"{file}, line {reader.line_num}: not CSV: {error}") from None


def _read_jsonl(file: Path, stream: Any) -> Iterator[tuple[int, Any]]:
    for line, text in enumerate(stream, start=1):
        if text.strip():
            try:
                yield line, json.loads(text)
            except (ValueError, RecursionError):
                raise UserError(f"{file}, line {line}: not a JSON object") from None
