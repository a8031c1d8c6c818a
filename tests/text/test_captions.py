"""Parsing and rewriting captions."""

import numpy as np
import pytest

from atelier.synthetic import fashion
from atelier.text.captions import find_mention, garment_phrase, name_factor, recaption


@pytest.mark.parametrize(
    ("caption", "garment", "change", "expected"),
    [
        ("a man in shorts and a tank top", "t-shirt", {"colour": "blue"}, "a man in shorts and a blue tank top"),
        ("a man in white shorts and a tee", "shorts", {"pattern": "dots"}, "a man in white dotted shorts and a tee"),
        ("a man in a long sleeve white shirt", "shirt", {"colour": "orange"}, "a man in a long sleeve orange shirt"),
        ("a man in an orange floral shirt", "shirt", {"colour": "red"}, "a man in a red floral shirt"),
        ("a woman in a striped dress", "dress", {"pattern": "solid"}, "a woman in a dress"),
        ("A man wearing Black Pants", "trousers", {"colour": "green"}, "A man wearing green Pants"),
        ("her laptop, a cat", "t-shirt", {"colour": "red"}, "her laptop, a cat, in a red t-shirt"),
        ("a person", "clothes", {"colour": "red"}, "a person, in red clothes"),
    ],
)
def test_recaptioning(caption, garment, change, expected):
    assert recaption(caption, garment, **change) == expected


LONG = "a woman stands in a plain room with soft light and looks at us"


@pytest.mark.parametrize(
    ("caption", "garment", "expected"),
    [
        (LONG, "shirt", f"in a red shirt, {LONG}"),
        (LONG.rsplit(" ", 1)[0], "shirt", f"in a red shirt, {LONG.rsplit(' ', 1)[0]}"),
        (" ".join(LONG.split()[:12]), "shirt", f"{' '.join(LONG.split()[:12])}, in a red shirt"),
        (f"{LONG}, in a shirt", "shirt", f"{LONG}, in a red shirt"),
        (LONG, "clothes", f"in red clothes, {LONG}"),
    ],
)
def test_a_garment_that_a_long_caption_does_not_name_comes_first(caption, garment, expected):
    assert recaption(caption, garment, colour="red") == expected


def test_captions_of_rendered_scenes_are_parsed_and_rewritten():
    rng, change = np.random.default_rng(3), {"colour": "red", "pattern": "plaid"}
    for _ in range(200):
        scene = fashion.sample_outfit(rng, "street")
        caption = fashion.describe_scene(scene)
        for slot, worn in scene.garments.items():
            mention = find_mention(caption, worn.kind)
            assert (mention.colour, mention.pattern or "solid") == (worn.colour, worn.pattern)
            edited = fashion.edit(scene, slot, **change)
            assert recaption(caption, worn.kind, **change) == fashion.describe_scene(edited)


@pytest.mark.parametrize(
    ("caption", "phrase"),
    [
        ("a woman in a red striped shirt, smiling", "a red striped shirt"),
        (
            "The lady wears a short-sleeve shirt with graphic patterns. It is navy.",
            "a navy graphic-print short-sleeve shirt",
        ),
        ("an ivory and blue checked shirt", "an ivory and blue checked shirt"),
        ("a woman in jeans", None),
    ],
)
def test_what_a_caption_says_of_a_garment_as_one_phrase(caption, phrase):
    assert garment_phrase(caption, "shirt") == phrase


def test_name_factor():
    named = [name_factor(colour, pattern) for colour in ("red", None) for pattern in ("dots", None)]
    assert named == ["both", "colour", "pattern", "variant"]
