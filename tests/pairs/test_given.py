"""Given pairs: requested fabrics, unchanged triplets, quotas and splits together with other kinds."""

from collections import Counter
from dataclasses import replace

import pytest
from fixtures_pairs import ALL_GIVEN, PAIR, SPLITS, given, pair, photograph, write_index

from atelier.common.records import Item
from atelier.pairs.given import make_given


def test_a_given_triplet_is_used_unchanged(tmp_path):
    items = [given(1, mask=photograph("01", "").mask, split="val"), photograph("02", "a man without a mask")]
    index = write_index(items, tmp_path)
    (made,) = make_given(index.entries, index.fetch, 1)
    assert (made.source, made.target, made.source_mask) == (items[0].image, items[0].target, items[0].mask)
    assert (made.kind, made.split, made.source_id, made.item_id) == ("given", "val", "g-1", "given-1")
    assert (made.instruction, made.garment, made.factor) == ("make the dress green", "dress", "colour")
    assert (made.source_caption, made.target_caption) == ("a woman", "a woman, in a green dress")


@pytest.mark.parametrize(
    ("caption", "instruction", "target_caption", "factor", "garment"),
    [
        ("a woman in a red shirt", "add stripes to the shirt", "a woman in a red striped shirt", "pattern", "shirt"),
        ("a dog", "give it a blue hat", "a dog, give it a blue hat", "variant", "clothes"),
        ("a dog", "let it snow", "a dog, let it snow", "variant", "clothes"),
    ],
)
def test_the_captions_of_a_given_triplet(tmp_path, caption, instruction, target_caption, factor, garment):
    index = write_index([given(1, instruction, caption=caption)], tmp_path)
    (made,) = make_given(index.entries, index.fetch, 1)
    assert (made.source_caption, made.target_caption) == (caption, target_caption)
    assert (made.factor, made.garment) == (factor, garment)


@pytest.fixture(scope="module")
def with_given(items) -> list[Item]:
    """The small rendered study, with 30 given pairs in every split."""
    return [*items, *(given(number) for number in range(90))]


def test_the_quota_is_filled_by_aligned_then_given_then_same_item(with_given, tmp_path):
    made = pair(with_given, PAIR.model_copy(update={"aligned": 0.5, "given": 0.25}), tmp_path)
    kinds = {split: [one.kind for one in made.triplets if one.split == split] for split in SPLITS}
    assert kinds["train"] == ["aligned"] * 24 + ["given"] * 12 + ["same_item"] * 12
    assert kinds["val"] == kinds["test"] == ["aligned"] * 3 + ["given"] * 2 + ["same_item"] * 1
    assert made.report["kinds"] == {"aligned": 30, "given": 16, "same_item": 14}
    assert made.report["shortfall"] == {"train": 0, "val": 0, "test": 0}
    split_of = {one.image_id: one.split for one in with_given}
    assert all(split_of[one.source_id] == one.split for one in made.triplets)


def test_each_given_pair_is_used_once_and_the_shortfall_reported(with_given, tmp_path):
    made = pair(with_given, ALL_GIVEN, tmp_path)
    assert Counter(one.kind for one in made.triplets) == {"given": 42}
    assert len({one.source_id for one in made.triplets}) == 42
    assert made.report["shortfall"] == {"train": 18, "val": 0, "test": 0}


def test_a_given_target_near_a_test_picture_is_dropped(with_given, tmp_path):
    held, leak = (next(one for one in with_given if one.split == s and one.instruction) for s in ("test", "train"))
    made = pair([replace(one, target=held.image) if one is leak else one for one in with_given], ALL_GIVEN, tmp_path)
    assert leak.image_id not in {one.source_id for one in made.triplets}
    assert made.report["near_duplicates"]["targets"] == 1


def test_probes_of_given_items_have_no_mask(items, tmp_path):
    """The mask of an instruction marks the region that it edits, not the garment that the prompts name."""
    unseen = [one for one in items if one.domain == "unseen"]
    mask = photograph("01", "").mask
    made = pair([*(given(n, "let it snow", mask=mask) for n in range(30)), *unseen], ALL_GIVEN, tmp_path)
    probes = [one for one in made.probes if one.domain == "seen"]
    assert len(probes) == 16
    assert {(one.garment, one.mask) for one in probes} == {("clothes", None)}
    assert {one.source_mask for one in made.triplets} == {mask}
