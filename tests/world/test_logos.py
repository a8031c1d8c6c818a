"""Logos on cloth: their place, size, colour and coverage, against areas and averages computed another way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier.world.compose import Fabric, Shot
from atelier.world.develop import Camera
from atelier.world.logos import Logo, place_logo
from atelier.world.shotfile import pack, unpack

LIGHT = (np.arange(256, dtype=np.float32) / np.float32(255)) ** 2
SIDE = 40  # pixels


def plane(step: float, turn: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Make u, v of a flat piece of cloth, 0 in the picture's middle, and their slopes, mm; v falls down the picture."""
    rows, columns = (np.mgrid[:SIDE, :SIDE].reshape(2, -1) - (SIDE - 1) / 2) * step
    cosine, sine = np.cos(turn), np.sin(turn)
    places = np.stack([cosine * columns - sine * rows, -sine * columns - cosine * rows])
    slopes = np.array([[-sine * step, -cosine * step], [cosine * step, -sine * step]])
    return places.astype(np.float32), np.repeat(slopes[..., None], SIDE**2, axis=2).astype(np.float32)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)
    made[..., 3] = 255
    return made


@given(
    step=st.floats(0.5, 12),
    turn=st.floats(0, 6.3),
    share=st.floats(0.25, 0.5),
    aspect=st.sampled_from([(10, 30), (64, 64), (96, 232), (7, 5)]),
)
def test_coverage_is_the_area_of_the_logo(step, turn, share, aspect):
    height, width = aspect
    wide = share * SIDE * step * min(1, width / height)
    places, slopes = plane(step, turn)
    _, cover = place_logo(Logo(picture(height, width), 0, 0, 0, wide / 1000), places, slopes, step, LIGHT)
    assert cover.min() >= 0
    assert cover.max() <= 1 + 1e-5
    np.testing.assert_allclose(cover.sum() * step**2, wide * wide * height / width, rtol=0.06)


@pytest.mark.parametrize(("u", "v"), [(0, 0), (0.013, 0.0), (0.0, 0.008), (-0.011, -0.007)])
def test_a_logo_lies_where_it_is_put_with_its_top_up(u, v):
    logo = picture(20, 40)
    logo[:10, :, :3], logo[10:, :, :3] = (255, 0, 0), (0, 0, 255)
    places, slopes = plane(1.0)
    colour, cover = place_logo(Logo(logo, 0, u, v, 0.012), places, slopes, 1.0, LIGHT)
    np.testing.assert_allclose((places * cover[:, 0]).sum(1) / cover.sum(), [1000 * u, 1000 * v], atol=0.05)
    red, blue = ((places[1] * colour[:, k]).sum() / colour[:, k].sum() for k in (0, 2))
    assert red - blue > 2  # v of the upper half is larger


def test_small_logos_show_the_average_of_their_texels():
    logo = picture(96, 96, seed=3)
    places, slopes = plane(8.0)
    colour, cover = place_logo(Logo(logo, 0, 0, 0, 0.096), places, slopes, 8.0, LIGHT)  # 12 × 12 pixels
    seen = colour.reshape(SIDE, SIDE, 3)[14:26, 14:26]
    wanted = LIGHT[logo[..., :3]].reshape(12, 8, 12, 8, 3).mean((1, 3))
    assert np.abs(seen - wanted)[1:-1, 1:-1].max() < 0.12  # neighbours mix a little
    assert np.abs(seen - wanted).mean() < 0.03
    np.testing.assert_allclose(cover.reshape(SIDE, SIDE)[15:25, 15:25], 1, atol=1e-5)


def test_a_logo_is_fitted_into_its_frame():
    frame = {"layer": 1, "u": 0.1, "v": 0.4, "width": 0.2}
    word, square, tall = (Logo.fit(picture(h, w), frame) for h, w in ((96, 232), (50, 50), (80, 40)))
    assert (word.layer, word.u, word.v, word.width) == (1, 0.1, 0.4, 0.2)
    assert tall.width < square.width < word.width
    for made, ratio in ((square, 1), (tall, 2)):
        assert made.width**2 * ratio == pytest.approx(0.45 * 0.2**2)  # as large an area as a word of that width


def test_what_is_transparent_shows_the_cloth():
    logo = picture(32, 32)
    logo[..., 3] = 0
    logo[8:24, 8:24] = (255, 255, 255, 128)
    places, slopes = plane(1.0)
    colour, cover = place_logo(Logo(logo, 0, 0, 0, 0.032), places, slopes, 1.0, LIGHT)
    grid = cover.reshape(SIDE, SIDE)
    np.testing.assert_allclose(grid[14:26, 14:26], 128 / 255, atol=1e-4)
    np.testing.assert_allclose(colour.reshape(SIDE, SIDE, 3)[14:26, 14:26], 128 / 255, atol=1e-4)
    assert grid[:10].max() == 0


def test_a_logo_that_misses_the_cloth_changes_nothing():
    places, slopes = plane(2.0)
    colour, cover = place_logo(Logo(picture(9, 9), 0, 5.0, 0.0, 0.1), places, slopes, 2.0, LIGHT)
    assert not colour.any()
    assert not cover.any()


@pytest.fixture(scope="module")
def shot(make_layers) -> Shot:
    return Shot(unpack(pack(make_layers(48), {})))


@pytest.mark.parametrize("layer", [0, 1])
def test_a_logo_changes_the_picture_where_it_lies_on_its_garment(shot, layer):
    fabrics = (Fabric((200, 30, 40)), Fabric((30, 60, 200), "dots"))
    logo = Logo(picture(24, 60, seed=5), layer, (0.21, 0.68)[layer], 0.5, 0.2)
    camera = Camera(noise=2.0, seed=5)
    plain, marked = (shot.picture(fabrics, camera, logos=made) for made in ((), (logo,)))
    cover = shot.logo_coverage(logo)
    changed = (plain != marked).any(-1)
    assert not changed[cover == 0].any()
    assert changed[cover > 0.9].mean() > 0.95
    assert not changed[shot.alpha[..., layer] == 0].any()
    _, columns = np.nonzero(cover > 0.5)  # u, v are x, y of the picture's side in these layers
    np.testing.assert_allclose([columns.min(), columns.max() + 1], np.array([-0.1, 0.1]) * 48 + logo.u * 48, atol=1)
    np.testing.assert_allclose(cover.sum(), 0.2 * 0.08 * 48**2, rtol=0.1)


def test_a_logo_has_its_colours(shot):
    red = np.zeros((10, 20, 4), np.uint8)
    red[:] = (206, 26, 38, 255)
    logo = Logo(red, 0, 0.3, 0.5, 0.2)
    seen = shot.picture((Fabric((206, 26, 38)), None))
    marked = shot.picture((Fabric((36, 82, 196)), None), logos=(logo,))
    inside = shot.logo_coverage(logo) > 0.999
    assert inside.sum() > 10
    assert np.abs(seen[inside].astype(int) - marked[inside]).max() <= 8  # of the other cloth only the stitches differ


@pytest.mark.parametrize("u", [0.1, 0.2, 0.25, 0.3, 0.35, 0.9])
def test_the_share_that_is_seen_falls_with_what_is_covered_or_outside(make_layers, u):
    """A disc is covered by another one from its right; 1 m of cloth is the side of the picture."""
    logo = Logo(picture(20, 40), 0, u, 0.5, 0.2)
    x, y = np.meshgrid((np.arange(400) / 400 - 0.5) * 0.2 + u, (np.arange(200) / 200 - 0.5) * 0.1)
    free = (np.hypot(x - 0.35, y) < 0.28) & (np.hypot(x - 0.62, y) > 0.28)
    shot = Shot(unpack(pack(make_layers(160), {})))
    assert shot.logo_share(logo) == pytest.approx(free.mean(), abs=0.03)
