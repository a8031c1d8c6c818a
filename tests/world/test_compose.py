"""Pictures of stored shots: an edit changes nothing outside of its garment, and the same shot gives the same bytes."""

import numpy as np
import pytest

from atelier.world.compose import Camera, Fabric, Shot, develop, linear
from atelier.world.prints import REPEATS, SIDE, draw_tiles
from atelier.world.shotfile import pack, unpack

SIZE = 48


@pytest.fixture(scope="module")
def shot(make_layers) -> Shot:
    return Shot(unpack(pack(make_layers(SIZE), {"item": 3})))


@pytest.mark.parametrize("print_", [None, *REPEATS])
@pytest.mark.parametrize("garment", [0, 1])
@pytest.mark.parametrize("grid", [0, 8])
def test_an_edit_changes_only_its_garment(shot, garment, print_, grid):
    before = [Fabric((200, 30, 40)), Fabric((30, 60, 200), "dots")]
    after = list(before)
    after[garment] = Fabric((40, 150, 60), print_)
    camera = Camera(noise=2.0, seed=5)
    pictures = [shot.picture(tuple(fabrics), camera, grid=grid) for fabrics in (before, after)]
    changed = (pictures[0] != pictures[1]).any(-1)
    assert not changed[shot.alpha[..., garment] == 0].any()
    assert changed[shot.alpha[..., garment] == 255].mean() > 0.8  # white dots stay white


def test_the_same_shot_gives_the_same_picture(make_layers):
    data, fabrics = pack(make_layers(SIZE), {}), (Fabric((240, 240, 238), "plaid"), Fabric((28, 38, 80)))
    first, second = (Shot(unpack(data)).picture(fabrics, Camera(1.1, (1.02, 1, 0.97), 1.5, 7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_brighter_cloth_and_light_give_brighter_pictures(shot):
    levels = [shot.picture((Fabric((level,) * 3), None))[shot.alpha[..., 0] == 255].mean() for level in (40, 120, 240)]
    assert levels == sorted(levels)
    ramp = develop(np.linspace(0, 3, 50)[None, :, None] * np.ones(3), Camera())
    assert (np.diff(ramp[0, :, 0].astype(int)) >= 0).all()
    np.testing.assert_allclose(linear((255, 0, 188)), [1, 0, 0.502886], atol=1e-6)  # IEC 61966-2-1


def test_prints_have_as_much_of_each_colour_as_drawn():
    tiles = draw_tiles()
    assert tiles.keys() == REPEATS.keys()
    for name, tile in tiles.items():
        assert tile.shape == (SIDE, SIDE, 2)
        assert (tile.astype(int).sum(-1) <= 255).all(), name
    shares = {name: tile.mean((0, 1)) / 255 for name, tile in tiles.items()}
    np.testing.assert_allclose(shares["stripes"], [0.5, 0], atol=0.01)
    np.testing.assert_allclose(shares["check"], [0.5, 0], atol=0.01)
    np.testing.assert_allclose(shares["dots"], [2 * np.pi * 0.17**2, 0], atol=0.01)
    assert shares["animal"][1] > 0.1
