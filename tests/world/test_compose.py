"""Pictures of stored shots: an edit changes nothing outside of its garment, and the same shot gives the same bytes."""

from types import SimpleNamespace

import numpy as np
import pytest

from atelier.world.compose import Camera, Fabric, Shot, develop, linear
from atelier.world.prints import REPEATS, SIDE, draw_tiles
from atelier.world.shotfile import pack, unpack

SIZE = 48


def layers(seed: int = 0) -> SimpleNamespace:
    """Make the layers of two overlapping discs of cloth in front of a coloured wall."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    discs = [np.clip((0.28 - np.hypot(x - cx, y - 0.5)) * SIZE, 0, 1) for cx in (0.35, 0.62)]
    alpha = np.stack([discs[0] * (1 - discs[1]), discs[1], np.zeros_like(x)], axis=-1)
    free = 1 - alpha.sum(-1, keepdims=True)
    base = free * np.array([0.3, 0.5, 0.4]) * (0.8 + 0.2 * rng.random((SIZE, SIZE, 1)))
    shade = 0.4 + 0.5 * x[..., None] * np.ones(3)
    cloth = np.stack([x, y, np.full_like(x, 0.5)], axis=-1)
    return SimpleNamespace(base=base, alpha=alpha, shade=shade, cloth=cloth, body=0 * x, face=0 * x)


@pytest.fixture(scope="module")
def shot() -> Shot:
    return Shot(unpack(pack(layers(), {"item": 3})))


def test_what_is_packed_is_unpacked():
    given = layers()
    stored = unpack(pack(given, {"item": 3, "view": "front"}))
    assert stored.facts == {"item": 3, "view": "front"}
    np.testing.assert_array_equal(stored.alpha, (given.alpha * 255 + 0.5).astype(np.uint8))
    covered = stored.alpha.any(-1)
    np.testing.assert_allclose(stored.cloth[:, :2], given.cloth[covered][:, :2] * 1000, atol=0.5)
    ratio = stored.shade[covered].mean() / given.shade[covered].mean()  # both lights are exposed alike
    np.testing.assert_allclose(stored.base.mean() / given.base.mean(), ratio, rtol=0.02)


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


def test_the_same_shot_gives_the_same_picture():
    data, fabrics = pack(layers(), {}), (Fabric((240, 240, 238), "plaid"), Fabric((28, 38, 80)))
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
