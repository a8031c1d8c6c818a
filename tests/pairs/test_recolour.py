"""Colour of photographed garments: the nearest name, and recolouring that keeps folds and background."""

import numpy as np
import pytest
from fixtures_pairs import folded
from skimage.color import deltaE_ciede2000, rgb2lab

from atelier.images.tensors import from_png, mask_from_png
from atelier.pairs.recolour import measure_colour, name_colour, recolour
from atelier.synthetic import fashion
from atelier.text.instructions import RENDERED_COLOURS
from atelier.text.lexicon import LAB, may_be_same


@pytest.mark.parametrize("colour", RENDERED_COLOURS)
@pytest.mark.parametrize("base", [(60, 90, 140), (200, 60, 60), (235, 235, 230), (30, 30, 34)])
def test_recolouring_gives_the_colour_and_keeps_folds_and_background(colour, base):
    picture, mask = folded(base)
    before = picture.copy()
    result = recolour(picture, mask, colour)
    np.testing.assert_array_equal(picture, before)  # the argument is not modified
    np.testing.assert_array_equal(result[~mask], picture[~mask])
    assert name_colour(result, mask) == colour
    old, new = (rgb2lab(pixels[mask][None] / 255.0)[0, :, 0] for pixels in (picture, result))
    if old.std() > 3:
        assert np.corrcoef(old, new)[0, 1] > 0.95
        assert new.std() > 0.4 * old.std()


def test_the_named_colour_is_the_nearest(items):
    """Compare with a loop over the named colours, on rendered solid fabrics."""
    worn = [(item, fashion.Scene.from_json(item.scene).garments[item.slot]) for item in items if item.mask]
    solids = [(from_png(i.image), mask_from_png(i.mask), garment) for i, garment in worn if garment.pattern == "solid"]
    for pixels, mask, _ in solids[:20]:
        median = [np.median([rgb2lab(pixel / 255.0)[channel] for pixel in pixels[mask]]) for channel in range(3)]
        nearest = min(LAB, key=lambda name: deltaE_ciede2000(median, LAB[name]))
        assert name_colour(pixels, mask) == nearest
    assert np.mean([name_colour(pixels, mask) == garment.colour for pixels, mask, garment in solids]) > 0.9


def test_a_colour_is_measured_only_where_the_garment_has_one(items):
    """On rendered pictures: of the solid garments nearly all have a measured name, and the names are right."""
    worn = [(item, fashion.Scene.from_json(item.scene).garments[item.slot]) for item in items if item.mask][:160]
    measured = [(measure_colour(from_png(i.image), mask_from_png(i.mask)), garment) for i, garment in worn]
    solid = [name for name, garment in measured if garment.pattern == "solid"]
    printed = [name for name, garment in measured if garment.pattern != "solid"]
    assert np.mean([name is not None for name in solid]) > 0.75
    assert np.mean([name is not None for name in printed]) < 0.1
    named = [(name, garment.colour) for name, garment in measured if name]
    assert np.mean([name == colour for name, colour in named]) > 0.9
    assert np.mean([may_be_same(name, colour) for name, colour in named]) > 0.95
