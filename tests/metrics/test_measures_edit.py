"""Leakage and colour metrics against loops and on images with known answers."""

import numpy as np
import pytest
import torch
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab

from atelier.metrics.colour import delta_e, hue_error, median_lab
from atelier.metrics.leakage import change_inside, change_map, leakage_density, leakage_share, right_garment, rms
from atelier.synthetic.fashion import COLOURS_LAB


@pytest.fixture(scope="module")
def source() -> torch.Tensor:
    return torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(0)) * 0.5


@pytest.fixture(scope="module")
def mask() -> torch.Tensor:
    mask = torch.zeros(2, 1, 12, 12)
    mask[:, :, 2:8, 3:9] = 1
    return mask


def test_leakage_equals_a_loop(source, mask):
    edited = source + torch.rand(source.shape, generator=torch.Generator().manual_seed(1)) * 0.5
    change = change_map(source, edited)
    for row in range(2):
        inside, outside = [], []
        for y in range(12):
            for x in range(12):
                delta = np.mean([abs(float(edited[row, c, y, x] - source[row, c, y, x])) for c in range(3)])
                (inside if mask[row, 0, y, x] else outside).append(delta)
        share = sum(outside) / (sum(inside) + sum(outside))
        assert leakage_share(change, mask)[row].item() == pytest.approx(share, rel=1e-4)
        assert leakage_density(change, mask)[row].item() == pytest.approx(np.mean(outside) / np.mean(inside), rel=1e-4)


def test_leakage_of_edits_with_known_leakage(source, mask):
    for edited, share, density in (
        (source + 0.3 * mask, 0.0, 0.0),
        (source + 0.3 * (1 - mask), 1.0, 0.3 * 255),
        (source + 0.3, 1 - 36 / 144, 1.0),
        (source, 0.0, 0.0),
    ):
        change = change_map(source, edited)
        assert leakage_share(change, mask).tolist() == pytest.approx([share] * 2, abs=1e-5)
        assert leakage_density(change, mask).tolist() == pytest.approx([density] * 2, rel=1e-4, abs=1e-5)


def test_reconstruction_error_is_not_leakage(source, mask):
    reconstruction = source + 0.05
    floor = change_map(source, reconstruction)
    assert leakage_share(change_map(source, reconstruction, floor), mask).max() == 0
    assert leakage_share(change_map(source, reconstruction + 0.3 * mask, floor), mask).max() == 0
    assert leakage_share(change_map(source, source, floor), mask).max() == 0
    assert leakage_share(change_map(source, reconstruction + 0.3, floor), mask).min() > 0.7


def test_right_garment_compares_the_changes_of_two_garments(source, mask):
    other = torch.zeros_like(mask)
    other[:, :, 9:, :] = 1
    change = change_map(source, source + 0.2 * mask + 0.1 * other)
    assert right_garment(change, mask, other).tolist() == [1, 1]
    assert right_garment(change, other, mask).tolist() == [0, 0]
    assert right_garment(change_map(source, source), mask, other).tolist() == [0, 0]
    assert right_garment(change, mask, torch.zeros_like(mask)).isnan().all()


def test_right_garment_does_not_depend_on_size(source, mask):
    large = torch.zeros_like(mask)
    large[:, :, 8:, :] = 1
    small = torch.zeros_like(mask)
    small[:, :, 2:4, 3:5] = 1
    change = change_map(source, source + 0.2 * small + 0.1 * large)
    assert change[0, 0][large[0, 0] > 0].sum() > change[0, 0][small[0, 0] > 0].sum()
    assert right_garment(change, small, large).tolist() == [1, 1]


def test_colour_difference_of_a_patterned_garment_of_known_colour():
    named = (45.0, 60.0, 40.0)
    picture = np.zeros((20, 20, 3), np.uint8)
    garment = np.zeros((20, 20), bool)
    garment[5:15, 5:15] = True
    picture[garment] = (lab2rgb(np.array(named)[None, None])[0, 0] * 255).round()
    assert delta_e(picture, garment, named) < 0.5
    picture[5:8, 5:15] = (250, 250, 250)  # stripes over less than half of it
    assert delta_e(picture, garment, named) < 0.5
    blue = (35.0, 20.0, -60.0)
    expected = deltaE_ciede2000(rgb2lab(picture[10, 10][None, None])[0, 0], np.array(blue))
    assert delta_e(picture, garment, blue) == pytest.approx(float(expected), abs=0.01)
    assert delta_e(picture, garment, blue) > 40


def plain(lab: tuple[float, float, float]) -> np.ndarray:
    """Return an image of one colour, uint8 (6, 6, 3)."""
    return np.full((6, 6, 3), (lab2rgb(np.array(lab)[None, None])[0, 0] * 255).round(), np.uint8)


@pytest.mark.parametrize("turn", [0, 5, 40, 90, 170, 181, 300, 355])
@pytest.mark.parametrize("start", [10, 200])
def test_hue_error_is_the_smaller_angle_between_hues(start, turn):
    def lab(degrees: float, lightness: float, chroma: float) -> tuple[float, float, float]:
        return (lightness, chroma * np.cos(np.radians(degrees)), chroma * np.sin(np.radians(degrees)))

    everywhere = np.ones((6, 6), bool)
    picture, named = plain(lab(start + turn, 60, 25)), lab(start, 40, 60)  # lightness and chroma do not matter
    assert hue_error(picture, everywhere, named) == pytest.approx(min(turn, 360 - turn), abs=2)


def test_greys_have_no_hue():
    everywhere = np.ones((6, 6), bool)
    for name in ("black", "white"):
        assert np.isnan(hue_error(plain((50, 40, 30)), everywhere, COLOURS_LAB[name]))
    for name in set(COLOURS_LAB) - {"black", "white"}:
        assert hue_error(plain((50, 0, 0)), everywhere, COLOURS_LAB[name]) == 90
        assert hue_error(plain(COLOURS_LAB[name]), everywhere, COLOURS_LAB[name]) < 2


def test_change_of_garment_and_of_image_equal_a_loop(source, mask):
    edited = source + torch.rand(source.shape, generator=torch.Generator().manual_seed(2)) * 0.3
    floor = torch.full((2, 1, 12, 12), 0.1)
    inside, moved = change_inside(source, edited, mask), rms(change_map(source, edited, floor))
    for row in range(2):
        difference = (edited - source)[row].numpy()
        squares = [difference[c, y, x] ** 2 for c in range(3) for y in range(2, 8) for x in range(3, 9)]
        assert inside[row].item() == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-4)
        beyond = [max(np.abs(difference[:, y, x]).mean() - 0.1, 0) ** 2 for y in range(12) for x in range(12)]
        assert moved[row].item() == pytest.approx(np.sqrt(np.mean(beyond)), rel=1e-4)
    assert change_inside(source, source, mask).max() == 0
    assert change_inside(torch.zeros_like(source), torch.ones_like(source), mask).tolist() == [1, 1]


def test_an_empty_garment_has_no_colour():
    with pytest.raises(ValueError, match="empty"):
        median_lab(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), bool))
