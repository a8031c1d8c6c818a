"""Same-item pairs: common item and view, different variants; differences from captions or pictures."""

import pytest
from fixtures_pairs import PAIR, pair, photograph, write_index

from atelier.pairs.same_item import find_difference, make_same_item
from atelier.synthetic import fashion


def test_pairs_share_item_and_view_but_not_variant_and_exclude_held_out_fabrics(index, items):
    by_image = {item.image: item for item in items}
    made = list(make_same_item(index.entries, index.fetch, 1, held_out=False))
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
        ("a man in a red shirt", "a man in a red shirt", (None, None)),
    ],
)
def test_differences_are_read_from_captions_else_from_pictures(before, after, expected):
    assert find_difference(photograph("01", before, "green"), photograph("02", after, "yellow")) == expected


def test_photographs_without_a_known_difference_get_a_template(tmp_path):
    pair = write_index([photograph("01", "a man", mask=None), photograph("02", "a man", mask=None)], tmp_path)
    made = list(make_same_item(pair.entries, pair.fetch, 1, held_out=False))
    assert [one.factor for one in made] == ["variant", "variant"]
    assert made[0].instruction == "show the shirt in its other colour way"


def test_an_item_with_one_picture_gives_no_pair_and_is_counted(items, tmp_path):
    alone = photograph("01", "a man in a green shirt", "green", item_id="alone")
    index = write_index([alone, photograph("02", "a man", "blue")], tmp_path)
    assert list(make_same_item(index.entries, index.fetch, 1, held_out=True)) == []
    report = pair([*items, alone], PAIR, tmp_path).report
    assert report["items_with_one_picture"] == 1
    assert report["items_with_two_colour_ways"] == 30
