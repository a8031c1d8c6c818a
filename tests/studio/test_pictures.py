"""Pictures of the page: copies, overlays, strokes, masks and maps of change, against hand-made arrays."""

import numpy as np
import pytest
from icc_profiles import srgb_of_wide, wide_rgb
from PIL import Image

from atelier.common.errors import UserError
from atelier.studio.pictures import LONGEST, copy_of, correct_mask, lay_over, map_change, read_strokes

GREEN, RED, CLEAR = (18, 161, 80, 255), (214, 51, 108, 255), (0, 0, 0, 0)


def layer(size: tuple[int, int], **boxes: tuple[int, int, int, int]) -> np.ndarray:
    drawn = Image.new("RGBA", size, CLEAR)
    for colour, box in boxes.items():
        drawn.paste({"green": GREEN, "red": RED}[colour], box)
    return np.asarray(drawn)


def test_copies_are_small_and_tiny_pictures_are_enlarged_by_whole_pixels():
    assert copy_of(Image.new("RGB", (3000, 1500))).shape == (LONGEST // 2, LONGEST, 3)
    tiny = Image.fromarray(np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3))
    copy = copy_of(tiny)
    assert copy.shape == (512, 512, 3)
    np.testing.assert_array_equal(copy[::8, ::8], np.asarray(tiny))
    assert copy_of(Image.new("RGB", (5000, 10))).shape[1] == LONGEST


def test_copies_are_in_srgb():
    own = np.random.default_rng(3).integers(60, 200, (600, 600, 3), np.uint8)
    picture = Image.fromarray(own)
    picture.info["icc_profile"] = wide_rgb()
    copy = copy_of(picture)
    assert np.abs(copy.astype(int) - srgb_of_wide(own)).max() <= 2
    assert np.abs(copy.astype(int) - own).max() > 5


def test_the_overlay_tints_the_mask_and_fades_the_rest():
    pixels, mask = np.full((40, 60, 3), 100, np.uint8), np.zeros((20, 30), bool)
    mask[:, :15] = True
    drawn = lay_over(pixels, mask)
    assert (drawn[:, -1] == 178).all()  # 100 / 2 + 127.5, rounded to even
    assert len(np.unique(drawn[:, 0])) > 1
    assert drawn[0, 0, 1] > drawn[0, 0, 0]


def test_strokes_are_read_at_the_picture_s_size_and_the_later_one_wins():
    first = layer((100, 50), green=(0, 0, 50, 50), red=(60, 0, 80, 50))
    strokes = read_strokes([first, layer((100, 50), red=(0, 0, 20, 50))], (200, 100))
    assert strokes.add.shape == (100, 200)
    assert not (strokes.add & strokes.take).any()
    assert strokes.add[:, 45:95].all()
    assert strokes.take[:, 2:35].all()
    assert strokes.take[:, 125:155].all()
    assert not strokes.add[:, 105:].any()
    assert read_strokes([layer((100, 50))], (200, 100)).empty


def test_masks_are_corrected_and_an_empty_one_is_refused():
    strokes = read_strokes([layer((10, 10), green=(0, 0, 10, 2), red=(0, 8, 10, 10))], (10, 10))
    mask = np.zeros((10, 10), bool)
    mask[5:] = True
    corrected = correct_mask(mask, strokes)
    assert corrected.any(1).tolist() == [True] * 2 + [False] * 3 + [True] * 3 + [False] * 2
    np.testing.assert_array_equal(correct_mask(None, strokes), strokes.add)
    with pytest.raises(UserError, match="the mask is empty"):
        correct_mask(np.zeros((10, 10), bool), read_strokes([], (10, 10)))


def test_the_map_shows_where_and_the_text_says_how_much():
    before, after = np.zeros((10, 10, 3), np.uint8), np.zeros((10, 10, 3), np.uint8)
    after[:5] = 200
    after[9] = 2  # rounding
    mask = Image.new("L", (10, 10))
    mask.paste(255, (0, 0, 10, 4))
    change = map_change(Image.fromarray(before), Image.fromarray(after), mask)
    assert (change.changed, change.outside) == (0.5, 0.1)
    assert change.text == "50.0 % of the pixels changed, 10.0 % outside the mask."
    assert (change.map[-1, -1] > change.map[0, 0]).all()
    alike = map_change(Image.fromarray(before), Image.fromarray(before), None)
    assert alike.text == "0.0 % of the pixels changed, none of them outside the mask."
    assert (alike.map == 255).all()
