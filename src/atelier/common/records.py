"""The rows that stages hand to each other: the contract. Each kind of row is one parquet file.

Pictures travel as PNG bytes inside the rows, so that a data set is a few large files. A picture is RGB, square, of the
side `prepare.size`; a mask is L, the same size, 255 in the garment and 0 elsewhere.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal, TypeVar, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from atelier.common.errors import UserError
from atelier.common.files import atomic_write

GROUP_ROWS, GROUP_BYTES = 256, 8_000_000  # of a row group, at most and about

Domain = Literal["seen", "unseen"]
Split = Literal["train", "val", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of an item without its pictures: light enough to hold by the ten thousand."""

    image_id: str  # unique
    domain: str  # seen | unseen
    split: str  # train | val | test; unseen rows are all test
    item_id: str  # the garment's design (DeepFashion's pid)
    person_id: str  # "" where the data set names none
    variant: str  # the item's colour way (first part of DeepFashion's pose)
    pose: str
    view: str  # front, back, side, …
    gender: str  # woman | man | person
    garment: str  # what the item is: shirt, t-shirt, jacket, dress, skirt, trousers, shorts, …
    slot: str  # upper | lower | full: where it is worn
    caption: str
    box: list[float] | None  # [x1, y1, x2, y2] in px of the picture, of the item's garment; None where unknown
    scene: str | None  # the scene program (JSON) where the picture was rendered, else None
    fingerprint: str  # perceptual hash of the picture, 16 hex digits: near duplicates are found by it
    instruction: str | None = None  # where the data set itself pairs pictures: what was asked of this one


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Entry):
    """One clean picture of a person wearing a garment (out of `prepare`)."""

    image: bytes  # PNG, RGB
    mask: bytes | None  # PNG, L, of the item's garment (beside an instruction: of what it changes); None where unknown
    target: bytes | None = None  # what came of the instruction (PNG, RGB, fitted as `image` is)


@dataclass(frozen=True)
class Triplet:
    """(source, instruction, target) and what is known of them (out of `pair`)."""

    triplet_id: str
    split: str
    kind: str  # same_item | aligned | given
    item_id: str
    person_id: str
    source_id: str  # image_id of the source
    instruction: str
    source_caption: str
    target_caption: str
    garment: str  # the garment that the instruction names
    factor: str  # colour | pattern | both | variant
    source: bytes
    target: bytes
    source_mask: bytes | None  # the named garment in the source, where known
    target_mask: bytes | None  # and in the target (differs from the source's in same-item pairs)
    box: list[float] | None


@dataclass(frozen=True)
class Probe:
    """One picture × one prompt to be edited and measured (out of `pair`)."""

    probe_id: str
    domain: str
    source_id: str
    item_id: str
    person_id: str
    prompt: str  # one of the paper's four
    garment: str  # the garment that the prompt names in this picture
    factor: str  # colour | pattern
    value: str  # the colour or pattern asked for
    source_caption: str
    target_caption: str
    source: bytes
    mask: bytes | None  # what the data set gives
    box: list[float] | None
    target: bytes | None  # the exact target, where the picture was rendered
    exact_mask: bytes | None  # the named garment's exact mask, where the picture was rendered
    other_mask: bytes | None  # exact mask of the other garment worn (rendered, two garments), else None
    face_mask: bytes | None  # exact mask of the face (rendered, not seen from behind), else None
    noop: str | None  # an instruction that asks for what is there already, where the garment's colour is known


@dataclass(frozen=True)
class Zones:
    """The trimap of one triplet or probe (out of `mask`): context is box without tight, background the rest."""

    row_id: str  # triplet_id or probe_id
    tight: bytes  # PNG, L
    box: list[float]  # [x1, y1, x2, y2] px, already scaled by box_scale and clipped
    origin: str  # given | predicted


@dataclass(frozen=True)
class Edit:
    """One edited picture (out of `generate`)."""

    probe_id: str
    model: str  # baseline | finetuned
    kind: str  # edit | sweep | noop (see `sweeps`)
    guidance_text: float
    guidance_image: float
    edited: bytes


Row = TypeVar("Row", Item, Triplet, Probe, Zones, Edit)

_ARROW = {str: pa.string(), float: pa.float64(), bytes: pa.binary(), bytes | None: pa.binary(), str | None: pa.string(),
          list[float]: pa.list_(pa.float64()), list[float] | None: pa.list_(pa.float64())}  # fmt: skip


def _schema(kind: type) -> pa.Schema:
    hints = get_type_hints(kind)
    return pa.schema([pa.field(f.name, _ARROW[hints[f.name]]) for f in fields(kind)])


def write_rows(path: Path, kind: type[Row], rows: Iterable[Row]) -> int:
    """Write rows of one kind to a parquet file as they come; the file appears under its name only when whole.

    A row group holds at most 256 rows and not much over 8 MB, so that one row of many is fetched by reading little.

    Returns the number of rows.
    """
    schema, count, batch, size = _schema(kind), 0, [], 0
    with atomic_write(path) as partial, pq.ParquetWriter(partial, schema) as writer:
        for row in rows:
            batch.append(asdict(row))
            size += sum(len(value) for value in batch[-1].values() if isinstance(value, bytes))
            count += 1
            if len(batch) == GROUP_ROWS or size >= GROUP_BYTES:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                batch, size = [], 0
        if batch:
            writer.write_table(pa.Table.from_pylist(batch, schema))
    return count


def read_rows(path: Path, kind: type[Row]) -> list[Row]:
    """Read all rows of a file that `write_rows` wrote.

    Raises:
        UserError: the file is missing, not parquet, or lacks a column of `kind`.
    """
    return list(iter_rows(path, kind))


def iter_rows(path: Path, kind: type[Row]) -> Iterator[Row]:
    """The rows of a file that `write_rows` wrote, in their order, a row group in memory at a time.

    Raises:
        UserError: as `read_rows`, at once and not when the first row is asked for.
    """
    file = open_table(path, kind)
    groups = (read_group(file, path, number, kind) for number in range(file.num_row_groups))
    return (kind(**row) for group in groups for row in group.to_pylist())


def count_rows(path: Path, kind: type[Row]) -> int:
    """How many rows a file holds, from its footer.

    Raises:
        UserError: as `read_rows`.
    """
    return open_table(path, kind).metadata.num_rows


def open_table(path: Path, kind: type[Row]) -> pq.ParquetFile:
    """Open a file of rows of one kind: its footer is read and its columns are checked.

    Raises:
        UserError: as `read_rows`.
    """
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise _unreadable(path, error) from None
    missing = [field.name for field in fields(kind) if field.name not in file.schema_arrow.names]
    if missing:
        raise UserError(f"{path}: no column {missing[0]!r}; expected the columns of {kind.__name__}")
    return file


def read_group(file: pq.ParquetFile, path: Path, number: int, kind: type[Row], *more: str) -> pa.Table:
    """One row group of an open file, with the columns of `kind` and `more`.

    Raises:
        UserError: it is damaged.
    """
    try:
        return file.read_row_group(number, [*(field.name for field in fields(kind)), *more])
    except (OSError, pa.ArrowInvalid) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: cannot be read as parquet: {str(error).splitlines()[0]}")
