"""Contact sheets, change maps and zones, checked at single pixels."""

import numpy as np
import pytest

from atelier.images.contact_sheet import CELL, GAP, HEADER, TEXT_WIDTH, SheetRow, contact_sheet, draw_change, draw_zones


def test_a_sheet_shows_its_pictures_where_the_headings_say():
    pictures = [np.full((64, 64, 3), level, np.uint8) for level in (10, 200)]
    sheet = contact_sheet(["one", "two", "none"], [SheetRow(["a text"], [*pictures, None])])
    middle = HEADER + CELL // 2
    columns = [GAP + TEXT_WIDTH + index * (CELL + GAP) + CELL // 2 for index in range(3)]
    assert [int(sheet[middle, x, 0]) for x in columns[:2]] == [10, 200]
    assert 200 < sheet[middle, columns[2], 0] < 255
    assert (sheet[HEADER : HEADER + 20, :TEXT_WIDTH] < 100).any()
    with pytest.raises(ValueError, match="1 images for 2 columns"):
        contact_sheet(["one", "two"], [SheetRow([], pictures[:1])])


def test_change_maps_grow_with_the_change():
    source = np.zeros((2, 4, 3), np.uint8)
    edited = source.copy()
    edited[:, 1], edited[:, 2], edited[:, 3] = 20, 60, 255
    brightness = draw_change(source, edited).astype(int).sum(-1)[0]
    assert brightness[0] == 0
    assert (np.diff(brightness) > 0).all()
    assert brightness[3] == 765


def test_zones_are_tinted_as_the_legend_says():
    tight = np.zeros((10, 10), bool)
    tight[4:6, 4:6] = True
    shown = draw_zones(np.full((10, 10, 3), 100, np.uint8), tight, [2.0, 2.0, 8.0, 8.0]).astype(int)
    assert shown[5, 5, 1] > shown[5, 5, 0]  # tight: green
    assert shown[3, 3, 0] > shown[3, 3, 2]  # context: yellow
    assert len(set(shown[0, 0])) == 1  # background: grey
