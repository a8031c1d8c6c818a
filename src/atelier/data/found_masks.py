"""Find the garment masks that pictures lack (`prepare.find_masks`)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from atelier.common.records import Item
from atelier.data.schemas import ParsedRow
from atelier.images.boxes import inside_box
from atelier.images.tensors import from_png, mask_to_png
from atelier.masks.predict import SlotFinder
from atelier.text.garments import SLOTS, UNKNOWN_GARMENT

FOUND = "mask found"  # remark on a row
NO_MASK = "no mask"  # remark on a row of `images.decode`
NOT_FOUND = "no garment found"  # reason of a refusal
BATCH = 32  # rows whose pictures are segmented together


def find_missing(rows: Iterator[ParsedRow], find: SlotFinder) -> Iterator[ParsedRow]:
    """Yield the rows in order; one without a mask gets the one that is found, or is refused if none is.

    Rendered pictures are left as they are: `mask` compares what the segmenter finds in them with the exact mask.
    """
    while batch := list(islice(rows, BATCH)):
        lacking = [row.item for row in batch if row.item and row.item.mask is None and row.item.scene is None]
        found = dict(zip([item.image_id for item in lacking], _find(lacking, find), strict=True))
        for row in batch:
            if row.item is None or row.image_id not in found:
                yield row
            elif item := found[row.image_id]:
                remarks = tuple(remark for remark in row.remarks if remark != NO_MASK)
                yield replace(row, item=item, remarks=(*remarks, FOUND))
            else:
                yield replace(row, item=None, refused=NOT_FOUND, remarks=())


def _find(items: Sequence[Item], find: SlotFinder) -> list[Item | None]:
    """Return the items with their masks; None for one whose garment is not found."""
    slots = find([from_png(item.image) for item in items]) if items else []
    return [_with_mask(item, masks) for item, masks in zip(items, slots, strict=True)]


def _with_mask(item: Item, masks: dict[str, np.ndarray]) -> Item | None:
    """Take the mask of the named garment's slot or, if no garment is named, the larger one of upper and full body.

    A box, which encloses the garment, limits it.
    """
    slots = ("upper", "full") if item.garment == UNKNOWN_GARMENT else (SLOTS[item.garment],)
    inside = {slot: masks[slot] for slot in slots if slot in masks}
    if item.box is not None:
        inside = {slot: mask & inside_box(item.box, *mask.shape[::-1]) for slot, mask in inside.items()}
    slot = max(inside, key=lambda one: int(inside[one].sum()), default=None)
    if slot is None or not inside[slot].any():
        return None
    return replace(item, slot=slot, mask=mask_to_png(inside[slot]))
