"""Colour metrics against scikit-image and on images of known colours."""

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab

from atelier.metrics.colour import delta_e, hue_error, median_lab
from atelier.text.colours import COLOURS_LAB

EVERYWHERE = np.ones((6, 6), bool)


def plain(lab: tuple[float, float, float]) -> np.ndarray:
    """Return an image of one colour, uint8 (6, 6, 3)."""
    return np.full((6, 6, 3), (lab2rgb(np.array(lab)[None, None])[0, 0] * 255).round(), np.uint8)


def test_colour_difference_of_a_patterned_garment_of_known_colour():
    named = (45.0, 60.0, 40.0)
    picture = np.zeros((20, 20, 3), np.uint8)
    garment = np.zeros((20, 20), bool)
    garment[5:15, 5:15] = True
    picture[garment] = plain(named)[0, 0]
    assert delta_e(picture, garment, named) < 0.5
    picture[5:8, 5:15] = (250, 250, 250)  # stripes over less than half of it
    assert delta_e(picture, garment, named) < 0.5
    blue = (35.0, 20.0, -60.0)
    expected = deltaE_ciede2000(rgb2lab(picture[10, 10][None, None])[0, 0], np.array(blue))
    assert delta_e(picture, garment, blue) == pytest.approx(float(expected), abs=0.01)
    assert delta_e(picture, garment, blue) > 40


@pytest.mark.parametrize("turn", [0, 5, 40, 90, 170, 181, 300, 355])
@pytest.mark.parametrize("start", [10, 200])
def test_hue_error_is_the_smaller_angle_between_hues(start, turn):
    def lab(degrees: float, lightness: float, chroma: float) -> tuple[float, float, float]:
        return (lightness, chroma * np.cos(np.radians(degrees)), chroma * np.sin(np.radians(degrees)))

    picture, named = plain(lab(start + turn, 60, 25)), lab(start, 40, 60)  # lightness and chroma do not matter
    assert hue_error(picture, EVERYWHERE, named) == pytest.approx(min(turn, 360 - turn), abs=2)


def test_greys_have_no_hue_and_an_empty_garment_has_no_colour():
    for name in ("black", "white"):
        assert np.isnan(hue_error(plain((50, 40, 30)), EVERYWHERE, COLOURS_LAB[name]))
    for name in set(COLOURS_LAB) - {"black", "white"}:
        assert hue_error(plain((50, 0, 0)), EVERYWHERE, COLOURS_LAB[name]) == 90
        assert hue_error(plain(COLOURS_LAB[name]), EVERYWHERE, COLOURS_LAB[name]) < 2
    with pytest.raises(ValueError, match="empty"):
        median_lab(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), bool))
