"""The rows that stages hand to each other. Each row type is stored in one parquet file.

Pictures are PNG bytes inside the rows, so that a data set is a few large files. A picture is RGB and square, with a
side of `prepare.size`; a mask is L, of the same size, 255 in the garment and 0 elsewhere.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from atelier.common.files import atomic_write
from atelier.common.row_files import ARROW, open_table, read_group

GROUP_ROWS, GROUP_BYTES = 256, 8_000_000  # of a row group: at most, and approximately

Domain = Literal["seen", "unseen"]
Split = Literal["train", "val", "test"]
WHOLE = "whole"  # factor of a prompt that names no garment and changes the whole picture
TESTS = "test_triplets"  # domain of test triplets


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemMetadata:
    """An item without its pictures: small enough to keep tens of thousands in memory."""

    image_id: str  # unique
    domain: str  # seen | unseen
    split: str  # train | val | test; unseen rows are all test
    item_id: str  # the garment's design (DeepFashion's pid)
    person_id: str  # "" if the data set does not identify persons
    variant: str  # the item's colour variant (first part of DeepFashion's pose)
    pose: str
    view: str  # front, back, side, …
    gender: str  # woman | man | person
    garment: str  # type of the item: shirt, t-shirt, jacket, dress, skirt, trousers, shorts, …
    slot: str  # upper | lower | full: where it is worn
    caption: str
    box: list[float] | None  # of the item's garment, [x1, y1, x2, y2] in px of the picture; None if unknown
    scene: str | None  # the scene program (JSON) of a rendered picture, else None
    fingerprint: str  # perceptual hash of the picture, 16 hex digits, to find near duplicates
    instruction: str | None = None  # the edit instruction, in data sets of triplets


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(ItemMetadata):
    """One picture of a person wearing a garment (output of `prepare`)."""

    image: bytes  # PNG, RGB
    mask: bytes | None  # PNG, L, of the item's garment (with an instruction: of the region it edits); None if unknown
    target: bytes | None = None  # the instruction's target (PNG, RGB, fitted like `image`)


@dataclass(frozen=True)
class Triplet:
    """(source, instruction, target) and their metadata (output of `pair`)."""

    triplet_id: str
    split: str
    kind: str  # same_item | aligned | given | recoloured
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
    source_mask: bytes | None  # the named garment in the source; None if unknown
    target_mask: bytes | None  # the same in the target (differs from the source's in same-item pairs)
    box: list[float] | None

    @classmethod
    def from_item(cls, source: Item, **fields: Any) -> "Triplet":
        """Make a triplet of a source; `fields` are those that the item does not determine, or override it."""
        values = {
            "triplet_id": "",  # assigned once the kept triplets are known
            "split": source.split,
            "item_id": source.item_id,
            "person_id": source.person_id,
            "source_id": source.image_id,
            "source_caption": source.caption,
            "garment": source.garment,
            "source": source.image,
            "source_mask": source.mask,
            "target_mask": source.mask,
            "box": source.box,
        }
        return cls(**values | fields)


@dataclass(frozen=True)
class Probe:
    """One picture with one prompt, to be edited and evaluated (output of `pair`)."""

    probe_id: str
    domain: str
    source_id: str
    item_id: str
    person_id: str
    prompt: str  # the instruction
    garment: str  # the garment that the prompt changes in this picture; "": the whole picture
    factor: str  # colour | pattern | both | fabric | other | variant | whole (see pairs.prompts)
    value: str  # the requested colour or pattern, both joined by "+", or a fabric; "": none that has a name
    source_caption: str
    target_caption: str
    source: bytes
    mask: bytes | None  # as given by the data set; all of the picture if it is changed as a whole
    box: list[float] | None
    target: bytes | None = None  # the exact target (rendered pictures only)
    exact_mask: bytes | None = None  # exact mask of what the prompt changes (rendered pictures only)
    other_mask: bytes | None = None  # exact mask of the other garments worn (rendered, two garments or three)
    face_mask: bytes | None = None  # exact mask of the face (rendered, not seen from behind)
    noop: str | None = None  # an instruction that requests the garment's present colour, if that is known

    @property
    def colour(self) -> str | None:
        """The requested colour."""
        return self.value.split("+")[0] if self.factor in ("colour", "both") else None

    @property
    def pattern(self) -> str | None:
        """The requested pattern."""
        return self.value.split("+")[-1] if self.factor in ("pattern", "both") else None

    @property
    def rendered(self) -> bool:
        """Whether the picture was rendered."""
        return self.exact_mask is not None

    @property
    def aligned_target(self) -> bytes | None:
        """The target to which an edit can be compared pixel by pixel, if there is one."""
        return self.target

    @property
    def true_target(self) -> bytes | None:
        """The target of a test triplet, which need not be aligned with the source."""
        return None


@dataclass(frozen=True)
class TestProbe(Probe):
    """A triplet that was held out from training, to be edited and evaluated: `target` is its own target."""

    __test__ = False  # no class of tests, whatever pytest takes its name for

    kind: str = ""  # same_item | aligned | given | recoloured

    @property
    def aligned_target(self) -> bytes | None:
        """The target of an aligned, recoloured or given pair; that of a same-item pair is another photograph."""
        return None if self.kind == "same_item" else self.target

    @property
    def true_target(self) -> bytes | None:
        """The triplet's target."""
        return self.target


@dataclass(frozen=True)
class Zones:
    """The trimap of one triplet or probe (output of `mask`): context is box without tight, background the rest."""

    row_id: str  # triplet_id or probe_id
    tight: bytes  # PNG, L
    box: list[float]  # [x1, y1, x2, y2] px, scaled by box_scale and clipped
    origin: str  # given | predicted


@dataclass(frozen=True)
class Edit:
    """One edited picture (output of `generate`)."""

    probe_id: str
    model: str  # baseline | finetuned
    kind: str  # edit | sweep | noop (see sampling.plan)
    guidance_text: float
    guidance_image: float
    edited: bytes


Row = TypeVar("Row", Item, Triplet, Probe, TestProbe, Zones, Edit)


def write_rows(path: Path, row_type: type[Row], rows: Iterable[Row]) -> int:
    """Stream rows of one type to a parquet file; the file appears under its name only when complete.

    A row group holds at most 256 rows and little more than 8 MB, so that fetching a single row reads little.

    Returns:
        The number of rows.
    """
    hints = get_type_hints(row_type)
    schema = pa.schema([pa.field(field.name, ARROW[hints[field.name]]) for field in fields(row_type)])
    count, batch, size = 0, [], 0
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


def read_rows(path: Path, row_type: type[Row]) -> list[Row]:
    """Read all rows of a file that `write_rows` wrote.

    Raises:
        UserError: the file is missing, not parquet, or lacks a column of `row_type` or has it with another type.
    """
    return list(iter_rows(path, row_type))


def iter_rows(path: Path, row_type: type[Row]) -> Iterator[Row]:
    """Iterate over the rows of a file that `write_rows` wrote, with one row group in memory at a time.

    Raises:
        UserError: as `read_rows`, on the call and not at the first row.
    """
    file = open_table(path, row_type)
    groups = (read_group(file, path, number, row_type) for number in range(file.num_row_groups))
    return (row_type(**row) for group in groups for row in group.to_pylist())


def count_rows(path: Path, row_type: type[Row]) -> int:
    """Return the number of rows of a file, from its footer.

    Raises:
        UserError: as `read_rows`.
    """
    return open_table(path, row_type).metadata.num_rows
