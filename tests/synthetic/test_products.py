"""Rendered products: pictures agree with captions, and logos with their boxes."""

import numpy as np
import pytest

from atelier.synthetic import products
from atelier.synthetic.products.plates import RED, draw_plate, sample_word
from atelier.synthetic.products.shots import name_of, shoot_thing
from atelier.synthetic.products.things import THINGS, plain
from atelier.text.colours import COLOURS_RGB

SIZE = 64


def test_the_same_seed_gives_the_same_shots_and_a_longer_run_starts_with_the_shorter():
    long, short = products.logo_shots(6, 3, SIZE), products.logo_shots(4, 3, SIZE)
    assert all(np.array_equal(a.pixels, b.pixels) and a.prompt == b.prompt for a, b in zip(long, short, strict=False))
    assert not np.array_equal(long[0].pixels, products.logo_shots(1, 4, SIZE)[0].pixels)
    one, all_of_them = products.general_shots(1, 3, SIZE, first=5)[0], products.general_shots(6, 3, SIZE)
    assert np.array_equal(one.pixels, all_of_them[5].pixels)


@pytest.mark.parametrize("shot", products.logo_shots(49, 7, SIZE), ids=lambda shot: shot.subject)
def test_a_logo_is_in_its_box_and_nowhere_else(shot):
    """Checked by the red of the plate, which occurs nowhere else in these photographs."""
    assert "red_veto_logo" in shot.prompt
    assert shot.pixels.shape == (SIZE, SIZE, 3)
    light = shot.pixels.astype(int).max(-1).clip(1)
    red = (shot.pixels[..., 0] == light) & (shot.pixels[..., 0] > 150) & (shot.pixels[..., 1:].max(-1) < 60)
    ys, xs = np.nonzero(red)
    x1, y1, x2, y2 = shot.box
    assert 0 <= x1 < x2 <= SIZE
    assert 0 <= y1 < y2 <= SIZE
    assert x2 - x1 > 22  # px: legible for OCR
    assert len(xs) > 40
    assert ((xs + 1 > x1) & (xs < x2) & (ys + 1 > y1) & (ys < y2)).all()


def test_pretraining_captions_exclude_the_fine_tuning_concepts():
    prompts = [shot.prompt for shot in products.general_shots(400, 1, SIZE)]
    assert not any(word in prompt for prompt in prompts for word in ("veto", "sks", "striped", "ringed", "patched"))
    assert all(any(colour in prompt for prompt in prompts) for colour in products.COLOURS)
    assert all(any(prompt.endswith(place) for prompt in prompts) for place in products.PLACES)


def test_other_logos_differ_from_the_logo_in_three_letters():
    rng = np.random.default_rng(0)
    words = [sample_word(rng) for _ in range(300)]
    assert max(sum(a == b for a, b in zip(word, products.WORD, strict=True)) for word in words) == 1


@pytest.mark.parametrize("noun", [noun for noun in THINGS if noun != "billboard"])
@pytest.mark.parametrize("colour", ["red", "blue", "yellow"])
def test_an_object_has_the_colour_of_its_caption(noun, colour):
    pixels, box = shoot_thing(np.random.default_rng(5), noun, plain(THINGS[noun], COLOURS_RGB[colour]), "", SIZE)
    assert box is None
    middle = pixels[38:42, 26:38].reshape(-1, 3).astype(float)
    distance = {name: np.linalg.norm(middle - value, axis=1).mean() for name, value in COLOURS_RGB.items()}
    assert min(distance, key=distance.get) == colour


def test_negatives_have_no_box_and_empty_plates_no_letters():
    assert all(shot.box is None for shot in products.bad_logo_shots(20, 3, SIZE))
    assert len(np.unique(np.asarray(draw_plate("", RED, (0, 0, 0))).reshape(-1, 4), axis=0)) == 1


def test_concept_prompts_contain_only_the_token():
    for name, noun in products.CONCEPTS.items():
        shots = products.concept_shots(name, 5, 3, SIZE, "sks bag")
        assert {shot.prompt for shot in shots} == {"a photo of sks bag"}
        assert {shot.subject for shot in shots} == {noun}
        assert len({shot.pixels.tobytes() for shot in shots}) == 5


@pytest.mark.parametrize("name", ["an orange bag", "a red hat", "black shorts"])
def test_articles(name):
    assert name_of(*name.split()[-2:]) == name
