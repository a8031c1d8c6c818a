"""Fabrics: every colour of the lexicon is found again in pictures, every print of it is drawn."""

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from atelier.metrics.colour import median_lab
from atelier.text.lexicon import LAB
from atelier.text.lexicon import PRINTS as SPOKEN
from atelier.world.develop import Camera
from atelier.world.fabrics import CLOTH_RGB, PATTERNS, make_fabric, print_fabric, repeat_px, styles_of
from atelier.world.prints import PRINTS

NAMES = list(LAB)
VALUES = np.array(list(LAB.values()))


def nearest(lab: np.ndarray) -> str:
    return NAMES[int(np.argmin(deltaE_ciede2000(lab[None], VALUES)))]


def test_every_colour_and_every_print_of_the_lexicon_has_a_fabric():
    assert CLOTH_RGB.keys() == LAB.keys()
    assert set(PATTERNS) == SPOKEN.keys()
    assert styles_of("stripes") == ("stripes", "thin stripes", "wide stripes")
    assert {style for pattern in PATTERNS for style in styles_of(pattern)} == PRINTS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_colour_is_nearest_to_its_own_name(name):
    lab = rgb2lab(np.array(CLOTH_RGB[name])[None, None] / 255)[0, 0]
    assert nearest(lab) == name
    assert np.argmin(np.linalg.norm(VALUES - lab, axis=1)) == NAMES.index(name)


@pytest.mark.parametrize("shot", ["0042-0", "0025-2", "0041-2"])
def test_colours_are_found_again_in_pictures(world, shot):
    opened = world.shot(shot)
    found = []
    for number, name in enumerate(NAMES):
        picture = opened.picture((make_fabric(name),) * 3, Camera(0.9, (1.03, 1.0, 0.97), 1.5, number))
        masks = (opened.alpha[..., k] >= 128 for k in range(3))
        found += [(name, nearest(median_lab(picture, mask))) for mask in masks if mask.sum() >= 100]
    wrong = [pair for pair in found if pair[0] != pair[1]]
    assert len(wrong) <= 0.02 * len(found), wrong


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("puce",), "'puce' is not a colour of fabrics; one of red, "),
        (("red", "tartan"), "'tartan' is not a pattern of fabrics; one of solid, stripes"),
        (("red", "dots", "check"), "dots is not drawn as 'check'; one of dots"),
        (("red", "solid", "check"), "solid is not drawn as 'check'; one of none"),
    ],
)
def test_unknown_fabrics_are_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        make_fabric(*arguments)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_flat_fabric_repeats_on_the_grid(pattern):
    size = 64
    fabric = print_fabric("blue", pattern, np.ones((size, size), np.float32), np.zeros((size, size), np.float32))
    period = repeat_px(size) * (PRINTS[pattern].units if pattern != "solid" else 1)
    np.testing.assert_allclose(fabric[period:], fabric[:-period], atol=1e-3)
    assert (np.ptp(fabric, axis=(0, 1)).max() > 20) == (pattern != "solid")
