"""Contact sheets of prepared pictures and their masks, so that a wrong mask is seen before anything is trained."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from atelier.common.files import atomic_write
from atelier.common.records import Item
from atelier.data.shards import RowRecord
from atelier.images.contact_sheet import SheetRow, contact_sheet, draw_zones
from atelier.images.tensors import from_png, mask_from_png

ROWS = 24  # of a source's sheet
SIDE_BY_SIDE = 2  # columns of rows
LONGEST = 90  # characters of a caption or an instruction
MAX_BYTES = 145_000  # of a sheet, of which there are two: reports stand in git
QUALITIES = (90, 80, 70, 60, 50, 40, 30, 20, 10)  # of JPEG: the best with which a sheet stays below MAX_BYTES


def choose_rows(records: Sequence[RowRecord]) -> set[str]:
    """Return the image ids of at most ROWS kept rows, evenly spaced over the source."""
    kept = [record.image_id for record in records if not record.refused]
    places = np.linspace(0, len(kept) - 1, min(ROWS, len(kept))).round().astype(int)
    return {kept[place] for place in places}


def write_sheets(folder: Path, items: Mapping[str, Sequence[Item]], masks: Mapping[str, str]) -> None:
    """Write one sheet per domain, seen.jpg and unseen.jpg, into a new folder.

    Args:
        items: those to show, by domain; each domain has one at least.
        masks: image id → given, found or "" (no mask).
    """
    with atomic_write(folder) as partial:
        partial.mkdir()
        for domain, shown in items.items():
            (partial / f"{domain}.jpg").write_bytes(_encode(_draw(shown, masks)))


def _draw(items: Sequence[Item], masks: Mapping[str, str]) -> np.ndarray:
    columns = ["picture", "mask"] + (["target"] if any(item.target for item in items) else [])
    rows = [_draw_row(item, masks[item.image_id], len(columns)) for item in items]
    height = -(-len(rows) // SIDE_BY_SIDE)
    parts = [contact_sheet(columns, rows[start : start + height]) for start in range(0, len(rows), height)]
    tallest = max(part.shape[0] for part in parts)
    padded = [np.pad(part, ((0, tallest - len(part)), (0, 0), (0, 0)), constant_values=255) for part in parts]
    return np.concatenate(padded, axis=1)


def _draw_row(item: Item, origin: str, columns: int) -> SheetRow:
    picture = from_png(item.image)
    mask = None if item.mask is None else mask_from_png(item.mask)
    overlay = None if mask is None else draw_zones(picture, mask, (0, 0, 0, 0))
    share = "no mask" if mask is None else f"{origin}, {mask.mean():.0%}"
    name, text = item.image_id.split("-", 2)[-1] or item.image_id, item.instruction or item.caption
    lines = [_cut(name, 18), f"{item.garment}: {share}", _cut(text, LONGEST)]
    target = [from_png(item.target) if item.target else None]
    return SheetRow(lines, [picture, overlay, *target[: columns - 2]])


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _encode(pixels: np.ndarray) -> bytes:
    """Encode a sheet as JPEG, as well as MAX_BYTES allows."""
    data = b""
    for quality in QUALITIES:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, optimize=True)
        data = buffer.getvalue()
        if len(data) <= MAX_BYTES:
            break
    return data
