"""Contact sheets: one per concept with a row per method, and one of a LoRA's scales."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from atelier.common.files import atomic_write
from atelier.images.contact_sheet import SheetRow, contact_sheet
from atelier.images.tensors import to_png
from studies.insertion.prompts import COMPLEX, PLAIN, Request

PLAINS = 3  # plain images of a row


def choose(requests: Sequence[Request]) -> list[int]:
    """Return the indices that a row shows: the first plain images, and the first of each place."""
    most = {PLAIN: PLAINS, COMPLEX: 1}
    return [k for k, request in enumerate(requests) if request.number < most[request.kind]]


def headings(requests: Sequence[Request]) -> list[str]:
    """Return the column headings of a row's images."""
    return [requests[k].place or "a photo of <*>" for k in choose(requests)]


def row_of(label: str, pictures: np.ndarray, requests: Sequence[Request]) -> SheetRow:
    """Return a row with the chosen images of a model, from uint8 (K, H, W, 3)."""
    return SheetRow([label], [pictures[k] for k in choose(requests)])


def write_sheet(path: Path, columns: Sequence[str], rows: Sequence[SheetRow]) -> None:
    """Draw a sheet and write it as a PNG file."""
    with atomic_write(path) as partial:
        partial.write_bytes(to_png(contact_sheet(columns, rows)))


def write_sheets(
    folder: Path, noun: str, photographs: Sequence[np.ndarray], generated: Mapping[str, np.ndarray],
    requests: Sequence[Request],
) -> None:  # fmt: skip
    """Write `bag.png`: the training images, then one row per method (label → its images)."""
    columns = headings(requests)
    shown = list(photographs[: len(columns)])
    rows = [SheetRow(["photographs"], shown + [None] * (len(columns) - len(shown)))]
    rows += [row_of(label, pictures, requests) for label, pictures in generated.items()]
    write_sheet(folder / f"{noun}.png", columns, rows)
