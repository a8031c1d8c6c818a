"""Same-item pairs: common item and view, different variants; differences from captions or pictures."""

import re
from collections import Counter
from dataclasses import replace

import pytest
from fixtures_pairs import PAIR, pair, photograph, write_index

from atelier.images.tensors import from_png, to_png
from atelier.pairs.same_item import find_difference, make_same_item
from atelier.synthetic import fashion


def test_pairs_share_item_and_view_but_not_variant_and_exclude_held_out_fabrics(index, items):
    by_image = {item.image: item for item in items}
    made = list(make_same_item(index.entries, index.fetch, 1, held_out=False, refused=Counter()))
    assert {one.split for one in made} == {"train", "val", "test"}
    for one in made:
        source, target = by_image[one.source], by_image[one.target]
        assert (source.item_id, source.view) == (target.item_id, target.view)
        assert source.variant != target.variant
        assert (one.source_mask, one.target_mask) == (source.mask, target.mask)
        assert not any(fashion.Scene.from_json(item.scene).held_out for item in (source, target))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a man in a red shirt", "a man in a blue shirt", ("blue", None)),
        ("a man in a red shirt", "a man in a red striped shirt", (None, "stripes")),
        ("a man in a red floral shirt", "a man in a blue shirt", ("blue", "solid")),
        ("a man in a plain shirt", "a man in a shirt", ("yellow", None)),  # measured in the pictures
        ("a man", "a man", ("yellow", None)),
        ("a man in a navy shirt", "a man in a blue shirt", ("blue", None)),  # the pictures show two colours
    ],
)
def test_differences_are_read_from_captions_else_from_pictures(before, after, expected):
    assert find_difference(photograph("01", before, "green"), photograph("02", after, "yellow")) == expected


@pytest.mark.parametrize(
    ("before", "after", "changes", "reason"),
    [
        ("a man", "a man", {"mask": None}, "garment not named in both captions"),
        ("a red shirt", "a red shirt", {}, "no difference named"),
        ("a red shirt", "a multicoloured shirt", {}, "several colours"),
        ("a navy shirt", "a blue shirt", {"mask": None}, "colour names that can mean the same"),
        ("a man", "a man in a shirt", {"colour": "green"}, "pictures show colours whose names can mean the same"),
        ("a man", "a man", {"colour": "print"}, "neither captions nor pictures show one colour"),
    ],
)
def test_a_difference_that_is_not_certain_makes_no_pair_and_is_counted_by_reason(
    before, after, changes, reason, items, tmp_path
):
    colour = changes.pop("colour", "yellow")
    target = photograph("02", after, None if colour == "print" else colour, **changes)
    if colour == "print":
        picture = from_png(target.image).copy()
        picture[:, ::4] = 0
        target = replace(target, image=to_png(picture))
    source = photograph("01", before, "green", **changes)
    refused = Counter()
    index = write_index([source, target], tmp_path)
    assert list(make_same_item(index.entries, index.fetch, 1, held_out=False, refused=refused)) == []
    assert refused == {reason: 2}
    report = pair([*items, source, target], PAIR.model_copy(update={"aligned": 0.0}), tmp_path).report
    assert report["refused"]["same_item"][reason] >= 1


def test_the_instruction_of_a_photograph_is_correct_english(tmp_path):
    shots = [
        photograph(f"{n:02d}", f"a man in {a} shirt") for n, a in enumerate(["an orange", "an olive", "a navy"] * 4)
    ]
    index = write_index(shots, tmp_path)
    made = list(make_same_item(index.entries, index.fetch, 1, held_out=False, refused=Counter()))
    assert {one.instruction for one in made} >= {"an orange shirt instead", "recolour the shirt in navy"}
    assert not any(re.search(r"\ba [aeiou]", one.instruction) for one in made)


def test_an_item_with_one_picture_gives_no_pair_and_is_counted(items, tmp_path):
    alone = photograph("01", "a man in a green shirt", "green", item_id="alone")
    index = write_index([alone, photograph("02", "a man", "blue")], tmp_path)
    assert list(make_same_item(index.entries, index.fetch, 1, held_out=True, refused=Counter())) == []
    report = pair([*items, alone], PAIR, tmp_path).report
    assert report["items_with_one_picture"] == 1
    assert report["items_with_two_colour_ways"] == 30
