"""Contact sheets of prepared pictures and their masks, so that a wrong mask is seen before anything is trained."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from atelier.common.files import atomic_write
from atelier.common.records import Item
from atelier.common.values import shorten
from atelier.data.shards import RowRecord
from atelier.images.contact_sheet import SheetRow, contact_sheet_beside, draw_zones, encode_jpeg, spaced
from atelier.images.tensors import from_png, mask_from_png

ROWS = 24  # of a source's sheet
SIDE_BY_SIDE = 2  # columns of rows
LONGEST = 90  # characters of a caption or an instruction
MAX_BYTES = 145_000  # of a sheet, of which there are two: reports stand in git


def choose_rows(records: Sequence[RowRecord]) -> set[str]:
    """Return the image ids of at most ROWS kept rows, evenly spaced over the source."""
    kept = [record.image_id for record in records if not record.refused]
    return {kept[place] for place in spaced(len(kept), ROWS)}


def write_sheets(folder: Path, items: Mapping[str, Sequence[Item]], masks: Mapping[str, str]) -> None:
    """Write one sheet per domain, seen.jpg and unseen.jpg, into a new folder.

    Args:
        items: those to show, by domain; each domain has one at least.
        masks: image id → given, found or "" (no mask).
    """
    with atomic_write(folder) as partial:
        partial.mkdir()
        for domain, shown in items.items():
            (partial / f"{domain}.jpg").write_bytes(encode_jpeg(_draw(shown, masks), MAX_BYTES))


def _draw(items: Sequence[Item], masks: Mapping[str, str]) -> np.ndarray:
    columns = ["picture", "mask"] + (["target"] if any(item.target for item in items) else [])
    rows = [_draw_row(item, masks[item.image_id], len(columns)) for item in items]
    return contact_sheet_beside(columns, rows, SIDE_BY_SIDE)


def _draw_row(item: Item, origin: str, columns: int) -> SheetRow:
    picture = from_png(item.image)
    mask = None if item.mask is None else mask_from_png(item.mask)
    overlay = None if mask is None else draw_zones(picture, mask, (0, 0, 0, 0))
    share = "no mask" if mask is None else f"{origin}, {mask.mean():.0%}"
    name, text = item.image_id.split("-", 2)[-1] or item.image_id, item.instruction or item.caption
    lines = [shorten(name, 18), f"{item.garment}: {share}", shorten(text, LONGEST)]
    target = [from_png(item.target) if item.target else None]
    return SheetRow(lines, [picture, overlay, *target[: columns - 2]])
