"""Tables of garment names: completeness, consistency, and names in texts."""

import pytest

from atelier.text import garments
from atelier.text.garments import CATEGORIES, CLOTH_TYPES, DEEPFASHION2, caption_names, garment_in, garment_of

NAMES = {"Shirt, Blouse ": "shirt", "pants": "trousers", "blazer": "jacket", "dress": "dress", "shoe": None, "": None}


def test_the_published_tables_are_complete():
    assert (len(CLOTH_TYPES), len(CATEGORIES)) == (17, 13)
    assert sorted(DEEPFASHION2) == list(range(1, 14))
    tables = (CLOTH_TYPES.values(), DEEPFASHION2.values(), garments.SYNONYMS.values())
    assert {word for words in tables for word in words} | {word for _, word in CATEGORIES} <= garments.SLOTS.keys()


@pytest.mark.parametrize(
    ("label", "slot"),
    [("upper", "upper"), ("Upper-clothes", "upper"), ("Pants", "lower"), ("Dress", "full"), ("skin", None),
     ("top, t-shirt, sweatshirt", "upper"), ("Left-shoe", None), ("background", None)],
)  # fmt: skip
def test_labels_of_segmentation_models(label, slot):
    assert garments.slot_of_label(label) == slot


@pytest.mark.parametrize(("name", "garment"), NAMES.items())
def test_a_garment_by_its_name(name, garment):
    assert garment_of(name) == garment


@pytest.mark.parametrize(
    ("text", "garment"),
    [
        ("make the shirt red", "shirt"),
        ("Turn her T-shirts into a dress", "t-shirt"),
        ("put the dog in red Jeans", "trousers"),
        ("give him a tank top", "t-shirt"),
        ("change the sweatshirt", "sweatshirt"),
        ("three blouses and two dresses", "shirt"),
        ("add a bird on top of the tower", None),
        ("an address in shirtland", None),
        ("", None),
    ],
)
def test_the_garment_that_a_text_names_first(text, garment):
    assert garment_in(text) == garment


@pytest.mark.parametrize(
    ("garment", "names"),
    [
        ("cardigan", {"cardigan", "kimono", "sweater"}),
        (
            "jacket",
            {"jacket", "blazer", "bomber", "windbreaker", "anorak", "puffer", "outerwear", "coat", "vest", "hoodie"},
        ),
        ("coat", {"coat", "parka", "overcoat", "trench", "peacoat", "raincoat", "jacket"}),
        ("skirt", {"skirt", "miniskirt", "skort"}),
    ],
)
def test_captions_of_a_known_garment_may_use_loose_names(garment, names):
    assert set(caption_names(garment)) == names
    assert caption_names(garment)[0] == garment
