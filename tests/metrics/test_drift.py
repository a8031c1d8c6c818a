"""Geometric drift on composed photographs that Pillow moved: found, ranked, and not mistaken for an edit."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from atelier import world
from atelier.metrics.drift import Drift, measure_drift

SIZE, COUNT = 128, 40
Case = tuple[np.ndarray, np.ndarray, np.ndarray]  # source, perfect edit, garment


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """Composed photographs with another colour and print on one garment; half studio, half street."""
    rng, found = np.random.default_rng(3), []
    for number in range(COUNT):
        scene = world.sample_outfit(rng, ("studio", "street")[number % 2])
        worn, layout = scene.garments[scene.item], world.lay_out(scene, SIZE)
        changes = {"colour": "red" if worn.colour == "green" else "green",
                   "pattern": "solid" if worn.pattern == "stripes" else "stripes"}  # fmt: skip
        edited = world.paint(world.edit(scene, scene.item, **changes), layout)
        found.append((world.paint(scene, layout), edited, layout.coverage[scene.item] > 0))
    return found


def moved(picture: np.ndarray, right: float = 0, down: float = 0, zoom: float = 0) -> np.ndarray:
    """Move and enlarge (%) a picture about its centre; what comes in at the border repeats it."""
    height, width = picture.shape[:2]
    border = 8
    padded = Image.fromarray(np.pad(picture, ((border, border), (border, border), (0, 0)), mode="edge"))
    half = width / 2 / (1 + zoom / 100), height / 2 / (1 + zoom / 100)
    x, y = border + width / 2 - right, border + height / 2 - down
    box = (x - half[0], y - half[1], x + half[0], y + half[1])
    return np.asarray(padded.resize((width, height), Image.Resampling.BICUBIC, box=box))


def measure(cases: list[Case], change: Callable[[np.ndarray], np.ndarray]) -> list[Drift]:
    return [measure_drift(source, change(edited), garment) for source, edited, garment in cases]


@pytest.fixture(scope="module")
def unmoved(cases) -> list[Drift]:
    return measure(cases, lambda edited: edited)


def test_a_new_colour_and_print_are_no_drift(unmoved):
    assert max(one.shift for one in unmoved) < 0.05
    assert max(abs(one.zoom) for one in unmoved) < 0.05
    assert max(one.moved for one in unmoved) < 0.05


@pytest.mark.parametrize(("right", "down"), [(1, 0), (0, -2), (-1.2, 1.6)])
def test_a_shift_is_recovered_and_ranks_below_the_unmoved_edit(cases, unmoved, right, down):
    found = measure(cases, lambda edited: moved(edited, right, down))
    exact = [abs(one.right - right) < 0.15 and abs(one.down - down) < 0.15 and abs(one.zoom) < 0.3 for one in found]
    assert np.mean(exact) >= 0.95
    assert np.mean([one.moved > still.moved for one, still in zip(found, unmoved, strict=True)]) >= 0.95
    shares = [one.moved / (100 * np.hypot(right, down) / SIZE) for one in found]
    assert np.nanmedian(shares) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("zoom", [1, 2])
def test_a_zoom_is_recovered_and_ranks_below_the_unmoved_edit(cases, unmoved, zoom):
    found = measure(cases, lambda edited: moved(edited, zoom=zoom))
    assert np.mean([abs(one.zoom - zoom) < 0.3 and one.shift < 0.2 for one in found]) >= 0.95
    assert np.mean([one.moved > still.moved for one, still in zip(found, unmoved, strict=True)]) >= 0.95


def test_compression_and_light_are_no_drift(cases):
    def spoil(edited: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        Image.fromarray((edited * 0.8 + 20).astype(np.uint8)).save(file, "JPEG", quality=80)
        return np.asarray(Image.open(file))

    found = measure(cases[:10], spoil)
    assert max(one.shift for one in found) < 0.15
    assert max(abs(one.zoom) for one in found) < 0.25


def test_a_new_cut_is_no_drift():
    """Sleeves and hems move, and nothing else; the garment covers where they were and where they are."""
    rng, found = np.random.default_rng(3), []
    while len(found) < 10:
        scene = world.sample_outfit(rng, "street")
        if cut := world.edit_cut(scene):
            slot, _, after = cut
            layouts = [world.lay_out(one, SIZE) for one in (scene, after)]
            garment = np.logical_or(*(layout.coverage[slot] > 0 for layout in layouts))
            pictures = [world.paint(one, layout) for one, layout in zip((scene, after), layouts, strict=True)]
            found.append(measure_drift(*pictures, garment))
    assert max(one.shift for one in found) < 0.2
    assert max(abs(one.zoom) for one in found) < 0.4


def test_any_size_and_shape_gives_pixels_of_the_source(cases):
    source, edited, garment = cases[1]
    enlarge = {"size": (1300, 900), "resample": Image.Resampling.BICUBIC}
    large = [np.asarray(Image.fromarray(one).resize(**enlarge)) for one in (source, moved(edited, 2, -1), garment)]
    found = measure_drift(*large)
    assert found.right == pytest.approx(2 * 1300 / SIZE, rel=0.05)
    assert found.down == pytest.approx(-1 * 900 / SIZE, rel=0.05)


def test_what_cannot_be_told_is_not_a_number(cases):
    source, edited, garment = cases[0]
    flat, noise = np.full_like(source, 200), np.random.default_rng(5).integers(0, 256, source.shape, np.uint8)
    for pair in ((flat, flat), (source, flat), (source, noise)):
        assert np.isnan(measure_drift(*pair, garment).shift)
    assert np.isnan(measure_drift(source, edited, np.ones_like(garment)).moved)
    with pytest.raises(ValueError, match="of one size"):
        measure_drift(source, edited[:-1], garment)
