"""A top under a jacket: "shirt" is the top; "clothes", and a print of no named garment, are the jacket."""

import random
from dataclasses import replace
from functools import cache

import pytest

from atelier import scenes
from atelier.common.records import ItemMetadata
from atelier.config import PairPrompt
from atelier.data.schemas import Request, read_items
from atelier.pairs.prompts import Subject, find_subject, read_prompts
from atelier.text.captions import shows_layers
from atelier.text.instructions import instruct

SHIRT, CLOTHES, NAMELESS, JACKET, BLOUSE = read_prompts(
    [
        PairPrompt(text=text)
        for text in (
            "make the shirt red", "add stripes to the clothes", "change to a floral pattern", "make the jacket red",
            "make the blouse red",
        )
    ]
)  # fmt: skip


@cache
def layered() -> tuple[ItemMetadata, scenes.Scene]:
    """Return a picture of a jacket over a shirt, and its scene."""
    for one in read_items(Request("photographs:studio", "deepfashion", "seen", 400, 16, "letterbox", 7)):
        scene = scenes.read_scene(one.item.scene)
        if one.item.garment == "jacket" and scenes.slot_of_kind(scene, "shirt") == "inner":
            return one.item, scene
    raise AssertionError("no outfit has a jacket over a shirt")


def test_a_prompt_means_the_layer_that_it_names():
    item, scene = layered()
    top = replace(item, garment="shirt", slot="upper")
    jacket = Subject("jacket", "upper", own=True)
    assert [find_subject(one, item, scene) for one in (CLOTHES, NAMELESS, JACKET)] == [jacket] * 3
    assert find_subject(SHIRT, item, scene) is None  # neither the jacket nor a garment with a mask
    assert [find_subject(one, top, scene) for one in (SHIRT, BLOUSE)] == [Subject("shirt", "inner", own=True)] * 2
    assert [find_subject(one, top, scene) for one in (CLOTHES, NAMELESS)] == [None] * 2
    assert find_subject(JACKET, top, scene) == Subject("jacket", "upper")


def test_without_a_layer_the_loose_names_mean_the_upper_garment():
    item, scene = layered()
    alone = replace(scene, worn=tuple((slot, worn) for slot, worn in scene.worn if slot != "inner"))
    for prompt in (SHIRT, CLOTHES, NAMELESS):
        assert find_subject(prompt, item, alone) == Subject("jacket", "upper", own=True)
        assert find_subject(prompt, item, None) == Subject("jacket", "upper", own=True)


@pytest.mark.parametrize(
    ("caption", "layers"),
    [
        ("a woman in blue jeans, a red blouse and a navy jacket", True),
        ("a man in a black blazer and a white tank top", True),
        ("a woman in a sweater and a jacket", True),
        ("a woman in a dress and a jacket", True),
        ("a man in a red shirt", False),
        ("a man in jeans and a jacket", False),
        ("a woman in a jacket, the clothes are new", False),
    ],
)
def test_captions_say_whether_there_are_layers(caption, layers):
    assert shows_layers(caption) == layers


def test_instructions_name_the_layer():
    def said(garment: str, layers: bool, **change: str) -> str:
        return " ".join(instruct(random.Random(n), garment, layers=layers, **change) for n in range(200))

    for change in ({"colour": "red"}, {"pattern": "floral"}):
        jacket, top = said("jacket", True, **change), said("t-shirt", True, **change)
        assert ("shirt" in jacket, "clothes" in jacket) == (False, True)
        assert (" shirt" in top, "clothes" in top) == (True, False)
        assert "clothes" not in said("dress", True, **change)
        assert {"shirt", "clothes"} <= set(said("jacket", False, **change).split())
    assert "change to a floral pattern" in said("jacket", True, pattern="floral")
    assert "change to a floral pattern" not in said("t-shirt", True, pattern="floral")
    assert "change to a floral pattern" in said("t-shirt", False, pattern="floral")
