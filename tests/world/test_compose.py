"""Pictures of stored shots: an edit changes nothing outside of its garment, and the same shot gives the same bytes."""

import numpy as np
import pytest

from atelier.world.compose import Fabric, Shot
from atelier.world.develop import LIGHT, Camera, develop
from atelier.world.prints import PRINTS, SIDE, tiles
from atelier.world.shotfile import pack, unpack
from shoot.prints import draw_tiles

SIZE = 48


@pytest.fixture(scope="module")
def shot(make_layers) -> Shot:
    return Shot(unpack(pack(make_layers(SIZE), {"item": 3})))


@pytest.mark.parametrize("print_", [None, *PRINTS])
@pytest.mark.parametrize("garment", [0, 1])
@pytest.mark.parametrize("grid", [0, 1 / 6])
def test_an_edit_changes_only_its_garment(shot, garment, print_, grid):
    before = [Fabric((200, 30, 40)), Fabric((30, 60, 200), "dots")]
    after = list(before)
    after[garment] = Fabric((40, 150, 60), print_, grid=grid)
    camera = Camera(noise=2.0, seed=5)
    pictures = [shot.picture(tuple(fabrics), camera) for fabrics in (before, after)]
    changed = (pictures[0] != pictures[1]).any(-1)
    assert not changed[shot.alpha[..., garment] == 0].any()
    assert changed[shot.alpha[..., garment] == 255].mean() > 0.8  # white dots stay white


def test_the_same_shot_gives_the_same_picture(make_layers):
    data, fabrics = pack(make_layers(SIZE), {}), (Fabric((240, 240, 238), "plaid"), Fabric((28, 38, 80)))
    first, second = (Shot(unpack(data)).picture(fabrics, Camera(1.1, (1.02, 1, 0.97), 1.5, 7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_garment_has_its_colour_in_the_median_whatever_the_light(shot):
    for colour in ((205, 32, 42), (36, 36, 42), (117, 187, 210)):
        for camera in (Camera(), Camera(0.7, (1.1, 1, 0.9))):
            picture = shot.picture((Fabric(colour), None), camera)
            median = np.median(picture[shot.alpha[..., 0] == 255], axis=0)
            np.testing.assert_allclose(median, colour, atol=4)


def test_brighter_cloth_and_light_give_brighter_pictures(shot):
    levels = [shot.picture((Fabric((level,) * 3), None))[shot.alpha[..., 0] == 255].mean() for level in (40, 120, 240)]
    assert levels == sorted(levels)
    ramp = develop(np.linspace(0, 3, 50, dtype=np.float32)[None, :, None] * np.ones(3, np.float32), Camera())
    assert (np.diff(ramp[0, :, 0].astype(int)) >= 0).all()
    levels = np.arange(256)
    developed = develop(LIGHT[levels][None, :, None] * np.ones(3, np.float32), Camera())[0, :, 0]
    np.testing.assert_allclose(developed, levels, atol=1)


def test_stored_prints_are_those_that_are_drawn():
    stored, drawn = tiles(), draw_tiles()
    assert stored.keys() == drawn.keys() == PRINTS.keys()
    for name, tile in stored.items():
        assert tile.shape == (SIDE, SIDE, 2)
        np.testing.assert_allclose(tile.astype(int), drawn[name], atol=2)
        assert (tile.astype(int).sum(-1) <= 255).all(), name
        assert tile.mean((0, 1)).sum() / 255 < 0.5, f"{name}: the base colour does not prevail"
    shares = {name: tile.mean((0, 1)) / 255 for name, tile in stored.items()}
    np.testing.assert_allclose(shares["stripes"], [0.42, 0], atol=0.01)
    np.testing.assert_allclose(shares["dots"], [2 * np.pi * 0.17**2, 0], atol=0.01)
