"""Recoloured pairs: made from a picture and its mask; and no training pair of the photographic world is exact."""

import random
from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from fixtures_pairs import PAIR, SIZE, Paired, folded, pair, photograph, write_index

from atelier import scenes
from atelier.common.records import Item, Triplet
from atelier.data.schemas import Request, read_items
from atelier.images.tensors import from_png, mask_from_png
from atelier.pairs.print_cloth import Lay, print_cloth
from atelier.pairs.prompts import own_slot
from atelier.pairs.recolour import name_colour, recolour
from atelier.pairs.recoloured import PRINTED, make_recoloured
from atelier.text.captions import find_mention
from atelier.text.colours import is_held_out

SPLITS = ("train",) * 6 + ("val", "test")
SHARES = {"aligned": 0.0, "recoloured": 0.5, "triplets": 60, "test_triplets": 8}


@cache
def photographs() -> list[Item]:
    """Return 16 outfits of the photographic studio with 8 pictures each, split by outfit, and 16 street pictures."""
    wanted = Request("photographs:studio", "deepfashion", "seen", 128, SIZE, "letterbox", 7)
    made = [one.item for one in read_items(wanted)]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(one.item_id for one in made))}
    seen = [replace(one, split=SPLITS[numbers[one.item_id] % len(SPLITS)]) for one in made]
    street = read_items(Request("photographs:street", "fashionpedia", "unseen", 16, SIZE, "letterbox", 7))
    return [*seen, *(replace(one.item, split="test") for one in street)]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> Paired:
    """Half recoloured and half same-item pairs of the photographic world."""
    return pair(photographs(), PAIR.model_copy(update=SHARES), tmp_path_factory.mktemp("mixed"))


def exact_target(triplet: Triplet) -> np.ndarray:
    """Paint the source's scene with what the triplet asks for."""
    item = next(one for one in photographs() if one.image_id == triplet.source_id)
    scene = scenes.read_scene(item.scene)
    asked = find_mention(triplet.target_caption, triplet.garment)
    changed = {
        name: value
        for name, value in (("colour", asked.colour), ("pattern", asked.pattern or "solid"))
        if triplet.factor in (name, "both")
    }
    slot = scenes.slot_of_kind(scene, triplet.garment)
    return scenes.paint(scenes.edit(scene, slot, **changed), scenes.lay_out(scene, SIZE))


def test_no_training_target_is_the_renderers_exact_one_and_no_picture_of_training_is(mixed):
    assert mixed.report["kinds"] == {"recoloured": 30, "same_item": 30}
    assert set(mixed.report["refused"]) == {"aligned", "recoloured", "same_item"}
    train = [one for one in mixed.triplets if one.split == "train"]
    shown = {from_png(png).tobytes() for one in train for png in (one.source, one.target)}
    shown |= {from_png(one.image).tobytes() for one in photographs() if one.split == "train"}
    for one in train:
        exact = exact_target(one)
        assert exact.tobytes() not in shown, one.instruction
        garment = mask_from_png(one.source_mask)
        assert np.abs(exact[garment].astype(int) - from_png(one.target)[garment]).mean() > 1, one.instruction


def test_the_same_comparison_finds_the_exact_targets_of_aligned_pairs(tmp_path):
    made = pair(photographs(), PAIR.model_copy(update={"aligned": 1.0, "triplets": 40}), tmp_path).triplets
    own = [one for one in made if one.garment == next(i for i in photographs() if i.image_id == one.source_id).garment]
    equal = [(exact_target(one) == from_png(one.target)).all() for one in own]
    assert len(own) >= 15
    assert np.mean(equal) > 0.9  # a style of print that the caption does not name may stay


def test_same_item_pairs_are_of_two_shots(mixed):
    scene_of = {one.image: scenes.read_scene(one.scene) for one in photographs()}
    made = [one for one in mixed.triplets if one.kind == "same_item"]
    assert made
    for one in made:
        source, target = scene_of[one.source], scene_of[one.target]
        assert not scenes.same_shot(source, target)
        assert source.shot.split("-")[0] == target.shot.split("-")[0]


def test_a_recoloured_picture_changes_inside_of_its_mask_alone_and_says_so(mixed):
    made = [one for one in mixed.triplets if one.kind == "recoloured"]
    assert {one.factor for one in made} == {"colour", "pattern", "both"}
    for one in made:
        source, target, mask = from_png(one.source), from_png(one.target), mask_from_png(one.source_mask)
        np.testing.assert_array_equal(source[~mask], target[~mask])
        assert (source[mask] != target[mask]).any(-1).mean() > 0.1
        before, after = (find_mention(text, one.garment) for text in (one.source_caption, one.target_caption))
        assert before.pattern in (None, "solid")
        assert (after.colour != before.colour) == (one.factor in ("colour", "both"))
        assert (after.pattern not in (None, "solid")) == (one.factor in ("pattern", "both"))
        if one.split != "test":
            assert not is_held_out(after.colour, after.pattern or "solid")


def test_held_out_fabrics_are_made_for_testing_alone(tmp_path):
    index = write_index([one for one in photographs() if one.domain == "seen"][:24], tmp_path)

    def fabrics(held_out: bool) -> set[tuple[str, str]]:
        made = make_recoloured(index.entries, index.fetch, 1, held_out=held_out, refused=Counter())
        found = [find_mention(one.target_caption, one.garment) for one in made]
        return {(one.colour, one.pattern or "solid") for one in found}

    assert not any(is_held_out(*one) for one in fabrics(held_out=False))
    assert any(is_held_out(*one) for one in fabrics(held_out=True))


def test_photographs_are_recoloured_too_and_printed_ones_are_refused(tmp_path):
    plain, printed = photograph("01", "a woman in a red shirt", "red"), photograph("02", "a red striped shirt", "red")
    index, refused = write_index([plain, printed], tmp_path), Counter()
    made = list(make_recoloured(index.entries, index.fetch, 1, held_out=False, refused=refused))
    assert {one.source_id for one in made} == {plain.image_id}
    assert refused == {PRINTED: 1}
    for one in made:
        if one.factor == "colour":
            colour = find_mention(one.target_caption, "shirt").colour
            np.testing.assert_array_equal(
                from_png(one.target), recolour(from_png(plain.image), mask_from_png(plain.mask), colour)
            )


@pytest.mark.parametrize("pattern", ["stripes", "dots", "floral", "plaid", "zebra"])
def test_a_print_keeps_ground_folds_and_background(pattern):
    base, mask = folded((120, 120, 120))
    picture = recolour(base, mask, "blue")
    lay = Lay(0.15, 10.0, (0.2, 0.4))
    printed = print_cloth(picture, mask, None, "blue", pattern, lay)
    np.testing.assert_array_equal(printed[~mask], picture[~mask])
    assert np.abs(printed[mask].astype(int) - picture[mask]).mean() > 10
    other = print_cloth(picture, mask, None, "blue", pattern, replace(lay, angle=-10.0))
    assert (other[mask] != printed[mask]).any()
    # where a pixel shows the ground alone it is the garment's own colour, folds included
    untouched = (np.abs(printed[mask].astype(int) - picture[mask]).max(-1) <= 24).mean()
    assert 0.05 < untouched < 0.95
    assert name_colour(print_cloth(picture, mask, "red", "blue", "dots", lay), mask, ["red", "blue", "green"]) == "red"


def test_a_print_is_darker_in_the_folds():
    base, mask = folded((120, 120, 120))
    printed = print_cloth(recolour(base, mask, "red"), mask, None, "red", "dots", Lay(0.1, 0.0, (0.0, 0.0)))
    folds = np.sin(np.arange(SIZE) / 3)
    columns = np.array([printed[:, x][mask[:, x]].mean() for x in range(8, 36)])
    assert np.corrcoef(columns, folds[8:36])[0, 1] > 0.8


def test_the_size_angle_and_origin_are_drawn():
    drawn = {Lay.draw(random.Random(seed)) for seed in range(5)}
    assert len(drawn) == 5
    assert Lay.draw(random.Random(1)) == Lay.draw(random.Random(1))


def test_the_items_garment_under_a_jacket_has_a_slot_of_its_own():
    under = 0
    for item in photographs():
        scene = scenes.read_scene(item.scene)
        slot = own_slot(item, scene)
        assert scene.garments[slot].kind == item.garment
        under += slot == "inner"
        assert own_slot(item, None) == item.slot
    assert "inner" in {slot for item in photographs() for slot in scenes.read_scene(item.scene).garments}
