"""Polygons and run lengths against brute force and COCO's own encoder."""

import time
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline

from atelier.data.schemas import coco_masks
from atelier.data.schemas.coco_masks import draw_segmentation
from atelier.images.decode import RefusedError

# Written by pycocotools 2.0 from the masks that the tests draw; some run lengths are negative differences.
SMALL = "01l06ZO00KL14400g0"
ELLIPSE = (
    "VP61g8X1TO`0A>D:F:G8H8I6J6J6J6J6J6K4L4K6K4L4L4M2M4L4L4M2M4M2M4M2M4M2N2M4M2N2N2N2N2N2N2N2N2N2N2N2O0O2N2N2O0O2N2O0"
    "O2O0O2N2O000O2O0O2O0O2O00000O2O00000O2O000000000000000O20N10000000000000001N1000001N1000001N101N101N10001N2N101N1"
    "01N2N101N2N2N101N2N2N2N2N2N2N2N2N2N2N2N3L3N2N3L3N3L3N3L3N3L4L4L3N3L4L4L5J5L4L5J6J6J6J6J6J7H8H9F:F<B?@l0hNbY;"
)
POLYGONS = ([[1, 2, 3]], [["a", "b"]], [[1, 2, 3, float("nan"), 5, 6]], [[10**400, 1, 2, 3, 4, 5]])
COUNTS = (
    [5.5, 6.5],
    [[6, 6]],
    ["a", 12],
    None,
    12,
    {"a": 1},
    "\x20",
    b"\xff",
    "1" * 9 + "\x7f",
    [5, 5],
    [-5, 17],
    [2**64],
    "é",
    "zzzz",
    "o" * 40 + "0",
)
WRAPPED = [2**63 - 1, 2**63 - 1, 14]  # sums to 12 modulo 2⁶⁴


def small() -> np.ndarray:
    inside = np.zeros((13, 9), bool)
    inside[3:10, 2:7] = True
    inside[5:7, 4] = False
    inside[0, 0] = True
    return inside


def ellipse() -> np.ndarray:
    y, x = np.mgrid[:300, :220]
    return (y - 150) ** 2 / 130**2 + (x - 100) ** 2 / 80**2 <= 1


@pytest.mark.parametrize(
    ("mask", "text"),
    [(small(), SMALL), (ellipse(), ELLIPSE), (np.ones((3, 4), bool), "0<"), (np.zeros((3, 4), bool), "<")],
)
def test_counts_agree_with_brute_force_and_compressed_ones_with_coco(mask, text):
    plain = [len(list(run)) for _, run in groupby([False, *mask.T.ravel()])]
    plain[0] -= 1  # a list begins with a run outside the mask
    for counts in (plain, text, text.encode()):
        np.testing.assert_array_equal(draw_segmentation({"size": list(mask.shape), "counts": counts}, (1, 1)), mask)


def test_polygons_agree_with_brute_force():
    star = [
        30.3, 2.2, 38.1, 25.4, 57.9, 25.6, 41.7, 36.2, 46.4, 38.7, 30.2, 30.1, 12.6, 38.9, 19.3, 34.4, 2.8, 22.1,
        22.5, 24.3,
    ]  # fmt: skip
    square = [50.0, 30.0, 58.0, 30.0, 58.0, 39.0, 50.0, 39.0]
    y, x = np.mgrid[:40, :60] + 0.5
    centres = np.stack([x.ravel(), y.ravel()], axis=1)
    outlines = [Outline(np.reshape(points, (-1, 2))) for points in (star, square)]
    expected = np.any([outline.contains_points(centres) for outline in outlines], axis=0).reshape(40, 60)
    np.testing.assert_array_equal(draw_segmentation([star, square], (60, 40)), expected)


def test_a_polygon_is_clipped_to_its_frame():
    drawn = draw_segmentation([[-20, -20, 30, -20, 30, 100, -20, 100]], (60, 40))
    assert drawn[:, :30].all()
    assert not drawn[:, 31:].any()


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        *((nothing, "no mask") for nothing in (None, [], {})),
        *((malformed, "unreadable mask") for malformed in ("no such thing", 7.5, {"size": [3, 4]}, *POLYGONS)),
        *(({"size": [3, 4], "counts": counts}, "unreadable mask") for counts in (*COUNTS, WRAPPED)),
        ({"size": [10**6, 10**6], "counts": [10**12]}, "unreadable mask"),
        ({"size": [float("inf"), 4], "counts": [12]}, "unreadable mask"),
        ({"size": "big", "counts": "00"}, "unreadable mask"),
    ],
)
def test_malformed_segmentations_are_refused(segmentation, reason):
    with pytest.raises(RefusedError, match=reason):
        draw_segmentation(segmentation, (60, 40))


HUGE = [2**62, 2**63 - 1, 2**63, 2**64 - 12, 2**64, 10**400, -(2**63), float("nan"), float("inf"), 1e300]


@pytest.mark.parametrize("length", HUGE)
@pytest.mark.parametrize("counts", [lambda n: [n, n, 12], lambda n: [12, n], lambda n: [n, 12 - n], lambda n: [n] * 4])
def test_run_lengths_beyond_any_picture_are_refused_before_they_are_added(length, counts):
    with pytest.raises(RefusedError, match="unreadable mask"):
        draw_segmentation({"size": [3, 4], "counts": counts(length)}, (4, 3))


@settings(max_examples=60)
@given(
    size=st.lists(st.integers(-5, 70), max_size=3), counts=st.lists(st.integers(-9, 2**70)) | st.text() | st.binary()
)
def test_any_run_lengths_are_a_mask_of_their_size_or_refused(size, counts):
    try:
        drawn = draw_segmentation({"size": size, "counts": counts}, (4, 3))
    except RefusedError:
        return
    assert drawn.shape == tuple(size)
    assert drawn.sum() == sum(counts[1::2]) if isinstance(counts, list) else True


@pytest.mark.parametrize(
    ("drawn", "reason"),
    [
        ({"size": [8000, 8000], "counts": "o" * 2**21}, "mask of too many runs"),
        ({"size": [8000, 8000], "counts": [0] * 2**22}, "mask of too many runs"),
        ({"size": [8000, 8000], "counts": "o" * 1000 + "0"}, "unreadable mask"),
        ({"size": [True, 12], "counts": [12]}, "unreadable mask"),
        ({"size": [-3, -4], "counts": [12]}, "unreadable mask"),
        ([[0, 0, 9, 0, 1e300, 9]], "unreadable mask"),
        ([[0, 0, 9, 0, float("inf"), 9]], "unreadable mask"),
        ([[1, 2] * 100_001], "mask of too many points"),
        ([[1, 2]] * 100_001, "mask of too many points"),
        ([[0, 0, 8000, 0, 8000, 8000] * 500], "mask of too many points"),
    ],
)
def test_masks_that_would_take_too_long_are_refused_at_once(drawn, reason):
    started = time.process_time()
    with pytest.raises(RefusedError, match=reason):
        draw_segmentation(drawn, (8000, 8000))
    assert time.process_time() - started < 2


def test_a_large_polygon_is_drawn_in_bands_like_a_small_one(monkeypatch):
    star = [[30.3, 2.2, 38.1, 25.4, 57.9, 25.6, 41.7, 36.2, 46.4, 38.7, 30.2, 30.1, 12.6, 38.9, 19.3, 34.4]]
    whole = draw_segmentation(star, (60, 40))
    monkeypatch.setattr(coco_masks, "BAND", 420)
    np.testing.assert_array_equal(draw_segmentation(star, (60, 40)), whole)
