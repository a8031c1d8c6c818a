"""A contact sheet of what is trained on, source, zones, target and instruction, to be looked at before training.

Where masks are given, it also says whether the pictures change outside of them: then black and white may be swapped.
"""

from pathlib import Path

import numpy as np

from atelier.common.files import atomic_write
from atelier.common.records import Triplet, Zones, iter_rows
from atelier.common.values import shorten
from atelier.images.contact_sheet import SheetRow, contact_sheet_beside, draw_zones, encode_jpeg, spaced
from atelier.images.tensors import from_png, mask_from_png

ROWS = 24
SIDE_BY_SIDE = 2  # columns of rows
LONGEST = 90  # characters of an instruction
MAX_BYTES = 145_000  # reports stand in git


def write_check_sheet(file: Path, triplets: Path, zones: Path) -> str:
    """Write a sheet of at most ROWS triplets that have zones, evenly spaced, as JPEG.

    Args:
        triplets: written by `pair`.
        zones: written by `mask`; it has one row at least, and every row is of a triplet.

    Returns:
        What is to be doubted: in most of the rows that are shown with a given mask, and whose target is not another
        photograph, the picture changes more outside the mask than inside. "": nothing.
    """
    ids = [zone.row_id for zone in iter_rows(zones, Zones)]
    chosen = {ids[place] for place in spaced(len(ids), ROWS)}
    shown = {zone.row_id: zone for zone in iter_rows(zones, Zones) if zone.row_id in chosen}
    rows, outside, judged = [], 0, 0
    for triplet in iter_rows(triplets, Triplet):
        if triplet.triplet_id not in shown:
            continue
        zone = shown[triplet.triplet_id]
        source, target, tight = from_png(triplet.source), from_png(triplet.target), mask_from_png(zone.tight)
        share = change_inside(source, target, tight)
        if share is not None and zone.origin == "given" and triplet.kind != "same_item":
            judged += 1
            outside += share < tight.mean()
        change = "" if share is None else f"{share:.0%} of the change in it"
        lines = [f"{triplet.garment}: {zone.origin}, {tight.mean():.0%}", change, shorten(triplet.instruction, LONGEST)]
        rows.append(SheetRow(lines, [source, draw_zones(source, tight, zone.box), target]))
    with atomic_write(file) as partial:
        sheet = contact_sheet_beside(["source", "zones", "target"], rows, SIDE_BY_SIDE)
        partial.write_bytes(encode_jpeg(sheet, MAX_BYTES))
    if outside * 2 <= judged:
        return ""
    return f"{outside} of {judged} given masks lie where the picture changes less than elsewhere: black for white?"


def change_inside(source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> float | None:
    """Return the share of the change from source to target, Σ|target − source| over pixels, that lies in a mask.

    Args:
        source, target: uint8 (H, W, 3).
        mask: bool (H, W).

    Returns:
        From 0 to 1; None if nothing changes. A change that is spread evenly has the mask's share of the picture.
    """
    change = np.abs(target.astype(int) - source.astype(int)).sum(axis=-1)
    total = int(change.sum())
    return int(change[mask].sum()) / total if total else None
