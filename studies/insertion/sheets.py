"""Contact sheets: a concept a sheet, a method a row; and a LoRA over its scales."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from atelier.common.files import atomic_write
from atelier.images.contact_sheet import SheetRow, contact_sheet
from atelier.images.tensors import to_png
from studies.insertion.prompts import COMPLEX, PLAIN, Order

PLAINS = 3  # plain pictures of a row


def choose(wanted: Sequence[Order]) -> list[int]:
    """Which of the ordered pictures a row shows: the first plain ones, and the first of each place."""
    most = {PLAIN: PLAINS, COMPLEX: 1}
    return [k for k, order in enumerate(wanted) if order.number < most[order.kind]]


def headings(wanted: Sequence[Order]) -> list[str]:
    """Of a row's pictures."""
    return [wanted[k].place or "a photo of <*>" for k in choose(wanted)]


def row_of(label: str, pictures: np.ndarray, wanted: Sequence[Order]) -> SheetRow:
    """The chosen ones of a model's pictures, uint8 (K, H, W, 3)."""
    return SheetRow([label], [pictures[k] for k in choose(wanted)])


def photographs_row(label: str, pictures: Sequence[np.ndarray], width: int) -> SheetRow:
    """Photographs, and nothing in the columns that are left."""
    shown = list(pictures[:width])
    return SheetRow([label], shown + [None] * (width - len(shown)))


def write_sheet(path: Path, columns: Sequence[str], rows: Sequence[SheetRow]) -> None:
    """As a PNG file."""
    with atomic_write(path) as partial:
        partial.write_bytes(to_png(contact_sheet(columns, rows)))


def write_sheets(
    folder: Path, noun: str, photographs: Sequence[np.ndarray], painted: Mapping[str, np.ndarray],
    wanted: Sequence[Order],
) -> None:  # fmt: skip
    """`bag.png`: the photographs, then a row per method (label → its pictures)."""
    columns = headings(wanted)
    rows = [photographs_row("photographs", photographs, len(columns))]
    rows += [row_of(label, pictures, wanted) for label, pictures in painted.items()]
    write_sheet(folder / f"{noun}.png", columns, rows)
