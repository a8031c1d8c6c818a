"""The rows that stages hand to each other: the contract. Each kind of row is one parquet file.

Pictures travel as PNG bytes inside the rows, so that a data set is a few large files. A picture is RGB, square, of the
side `prepare.size`; a mask is L, the same size, 255 in the garment and 0 elsewhere.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal, TypeVar, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from atelier.errors import UserError

Domain = Literal["seen", "unseen"]
Split = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Item:
    """One clean picture of a person wearing a garment (out of `prepare`)."""

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
    image: bytes  # PNG, RGB
    mask: bytes | None  # PNG, L, of the item's garment; None where the data set has none
    box: list[float] | None  # [x1, y1, x2, y2] in px of `image`, of the item's garment; None where unknown
    scene: str | None  # the scene program (JSON) where the picture was rendered, else None


@dataclass(frozen=True)
class Triplet:
    """(source, instruction, target) and what is known of them (out of `pair`)."""

    triplet_id: str
    split: str
    kind: str  # same_item | aligned
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
    edited: bytes


Row = TypeVar("Row", Item, Triplet, Probe, Zones, Edit)

_ARROW = {str: pa.string(), bytes: pa.binary(), bytes | None: pa.binary(), str | None: pa.string(),
          list[float]: pa.list_(pa.float64()), list[float] | None: pa.list_(pa.float64())}  # fmt: skip


def _schema(kind: type) -> pa.Schema:
    hints = get_type_hints(kind)
    return pa.schema([pa.field(f.name, _ARROW[hints[f.name]]) for f in fields(kind)])


def write_rows(path: Path, kind: type[Row], rows: Iterable[Row]) -> int:
    """Write rows of one kind to a parquet file, in batches; the file appears under its name only when whole.

    Returns the number of rows.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    schema, count, batch = _schema(kind), 0, []
    with pq.ParquetWriter(partial, schema) as writer:
        for row in rows:
            batch.append(asdict(row))
            count += 1
            if len(batch) == 256:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                batch = []
        if batch:
            writer.write_table(pa.Table.from_pylist(batch, schema))
    partial.replace(path)
    return count


def read_rows(path: Path, kind: type[Row]) -> list[Row]:
    """Read all rows of a file that `write_rows` wrote.

    Raises:
        UserError: the file is missing, not parquet, or lacks a column of `kind`.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path}: cannot be read as parquet: {str(error).splitlines()[0]}") from None
    missing = [f.name for f in fields(kind) if f.name not in table.column_names]
    if missing:
        raise UserError(f"{path}: no column {missing[0]!r}; expected the columns of {kind.__name__}")
    return [kind(**row) for row in table.select([f.name for f in fields(kind)]).to_pylist()]
