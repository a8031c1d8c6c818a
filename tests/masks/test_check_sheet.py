"""The contact sheet before training: what it shows, and whether swapped black and white are told."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from atelier.common.records import Triplet, Zones, write_rows
from atelier.images.contact_sheet import CELL, GAP, HEADER, TEXT_WIDTH
from atelier.images.tensors import mask_to_png, to_png
from atelier.masks.check_sheet import MAX_BYTES, ROWS, change_inside, write_check_sheet

INSIDE = np.zeros((32, 32), bool)
INSIDE[8:24, 8:16] = True  # an eighth
SOURCE = np.full((32, 32, 3), 90, np.uint8)
TARGET = np.where(INSIDE[..., None], np.uint8(210), SOURCE)
TRIPLET = Triplet(
    triplet_id="0", split="train", kind="given", item_id="", person_id="", source_id="", instruction="make it light",
    source_caption="", target_caption="", garment="shirt", factor="colour", source=to_png(SOURCE),
    target=to_png(TARGET), source_mask=None, target_mask=None, box=None,
)  # fmt: skip


def write(folder, masks, *, origin="given", **changes):
    """Write a triplet per mask, and one without zones; return what the sheet tells, and its pixels."""
    triplets = [replace(TRIPLET, triplet_id=f"{n}", **changes) for n in range(len(masks) + 1)]
    zones = [
        Zones(row_id=f"{n}", tight=mask_to_png(mask), box=[4.0, 4.0, 20.0, 28.0], origin=origin)
        for n, mask in enumerate(masks)
    ]
    write_rows(folder / "triplets", Triplet, triplets)
    write_rows(folder / "zones", Zones, zones)
    told = write_check_sheet(folder / "sheet.jpg", folder / "triplets", folder / "zones")
    data = (folder / "sheet.jpg").read_bytes()
    assert len(data) <= MAX_BYTES
    return told, np.asarray(Image.open(io.BytesIO(data))).astype(int)


def cell(sheet, row, column):
    top, left = HEADER + row * (CELL + GAP), GAP + TEXT_WIDTH + column * (CELL + GAP)
    return sheet[top : top + CELL, left : left + CELL]


def test_a_row_shows_source_zones_and_target(tmp_path):
    told, sheet = write(tmp_path, [INSIDE])
    assert told == ""
    source, zones, target = (cell(sheet, 0, column) for column in range(3))
    assert np.abs(source - 90).mean() <= 4
    assert zones[64, 48, 1] > zones[64, 48, 0] + 20  # tight: green
    assert zones[24, 48, 0] > zones[24, 48, 2] + 20  # context: yellow
    assert np.ptp(zones[8, 100]) <= 16  # background: grey
    assert (target[64, 48] > 190).all()
    assert (target[8, 8] < 110).all()
    assert (sheet[HEADER : HEADER + 60, :TEXT_WIDTH] < 120).any()


@pytest.mark.parametrize(
    ("wrong", "options", "told"),
    [
        (3, {}, "3 of 4 given masks lie where the picture changes less than elsewhere: black for white?"),
        (2, {}, ""),  # half of them
        (4, {"origin": "predicted"}, ""),
        (4, {"kind": "same_item"}, ""),  # another photograph: it changes everywhere
        (4, {"target": to_png(SOURCE)}, ""),  # nothing changes
    ],
)
def test_masks_whose_black_and_white_are_swapped_are_told(tmp_path, wrong, options, told):
    assert write(tmp_path, [~INSIDE] * wrong + [INSIDE] * (4 - wrong), **options)[0] == told


def test_of_many_triplets_some_are_shown_in_two_columns(tmp_path):
    _, sheet = write(tmp_path, [INSIDE] * (3 * ROWS))
    width = GAP + TEXT_WIDTH + 3 * (CELL + GAP)
    assert sheet.shape == (HEADER + ROWS // 2 * (CELL + GAP), 2 * width, 3)


def test_the_share_of_the_change_inside_is_a_sum_over_pixels():
    generator = np.random.default_rng(3)
    source, target = generator.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    mask = generator.random((16, 16)) < 0.3
    inside = total = 0
    for y, x, channel in np.ndindex(source.shape):
        change = abs(int(target[y, x, channel]) - int(source[y, x, channel]))
        total, inside = total + change, inside + change * bool(mask[y, x])
    assert change_inside(source, target, mask) == pytest.approx(inside / total, rel=1e-12)
    assert change_inside(source, source, mask) is None
