"""Splits by garment item and person, refusals counted and named."""

from dataclasses import replace

import photographs
import pytest

from atelier.config import Prepare
from atelier.errors import UserError
from atelier.preparing import assign_splits, prepare_items
from atelier.records import Item
from atelier.sources import Reading

RENDERED = Prepare(
    size=16, fit="letterbox", seen="world:studio", seen_schema="deepfashion", seen_rows=240,
    unseen="world:street", unseen_schema="fashionpedia", unseen_rows=5, max_refused=0.05, seed=7,
)  # fmt: skip
BLANK = Item("", "seen", "", "", "", "", "", "", "", "shirt", "upper", "", b"", None, None, None)


def readings(*owners: tuple[str, str]) -> list[Reading]:
    """A reading per (garment item, person)."""
    rows = [replace(BLANK, image_id=str(n), item_id=item, person_id=who) for n, (item, who) in enumerate(owners)]
    return [Reading(row.image_id, row) for row in rows]


def test_the_rendered_source_is_split_by_item_and_by_person():
    items, report = prepare_items(RENDERED)
    seen = [item for item in items if item.domain == "seen"]
    for key in ("item_id", "person_id"):
        splits = {
            name: {item.split for item in seen if getattr(item, key) == name}
            for name in {getattr(i, key) for i in seen}
        }
        assert all(len(found) == 1 for found in splits.values()), key
    assert report["seen"]["splits"] == {"train": 192, "val": 24, "test": 24}  # 30 items of 8 pictures
    assert report["seen"]["refused"] == {"total": 0}  # every item has people of its own
    assert {item.split for item in items if item.domain == "unseen"} == {"test"}
    assert report["unseen"]["remarks"] == {"no mask": 5}
    assert len({item.image_id for item in items}) == len(items) == 245


def test_the_split_is_by_the_ids_alone():
    rows = readings(*[(f"item-{n % 40}", "") for n in range(120)])
    splits = {one.item.item_id: one.item.split for one in assign_splits(rows, seed=1)}
    assert {one.item.item_id: one.item.split for one in assign_splits(rows[::-1], seed=1)} == splits
    assert {one.item.item_id: one.item.split for one in assign_splits(rows, seed=2)} != splits
    assert sorted(splits.values()).count("train") == 32
    assert sorted(splits.values()).count("val") == sorted(splits.values()).count("test") == 4


def test_a_person_stands_in_one_split():
    rows = readings(*[(f"item-{n}", f"person-{n % 7}") for n in range(60)])
    kept = [one.item for one in assign_splits(rows, seed=1) if one.item]
    for person in {item.person_id for item in kept}:
        assert len({item.split for item in kept if item.person_id == person}) == 1
    refused = [one for one in assign_splits(rows, seed=1) if not one.item]
    assert refused
    assert {one.refused for one in refused} == {"person in another split"}
    nameless = assign_splits(readings(*[(f"item-{n}", "") for n in range(60)]), seed=1)
    assert all(one.item for one in nameless)


@pytest.mark.parametrize("count", [3, 4, 9])
def test_few_items_still_fill_every_split(count):
    rows = assign_splits(readings(*[(f"item-{n}", "") for n in range(count)]), seed=1)
    assert {one.item.split for one in rows} == {"train", "val", "test"}


def test_fewer_than_three_items_cannot_be_split():
    with pytest.raises(UserError, match="holds 2 usable garment items; train, val and test need one each"):
        assign_splits(readings(("a", ""), ("a", ""), ("b", "")), seed=1)


def test_refused_rows_are_counted_and_named(tmp_path):
    source = photographs.write_deepfashion(tmp_path / "seen.parquet", photographs.seen_rows())
    params = RENDERED.model_copy(update={"seen": str(source), "unseen_rows": 1})
    _, report = prepare_items(params)
    assert report["seen"]["rows"] == 25
    assert report["seen"]["kept"] == 24
    assert report["seen"]["refused"] == {"total": 1, "corrupt picture": 1}
    assert report["seen"]["first_refused"] == {"01": "row 24, seen-000024-id_00000008_04_1_front: corrupt picture"}
    assert report["seen"]["remarks"] == {"empty mask": 1, "no mask": 1}


def test_too_many_refused_rows_stop_the_run(tmp_path):
    source = photographs.write_deepfashion(tmp_path / "seen.parquet", photographs.seen_rows())
    params = RENDERED.model_copy(update={"seen": str(source), "max_refused": 0.03, "unseen_rows": 1})
    with pytest.raises(
        UserError, match=r"1 of 25 rows are refused, over prepare.max_refused \(0.03\); 1 of them: corrupt"
    ):
        prepare_items(params)


def test_nothing_left_stops_the_run_whatever_is_allowed(tmp_path):
    source = photographs.write_deepfashion(tmp_path / "seen.parquet", photographs.seen_rows()[-1:])
    params = RENDERED.model_copy(update={"seen": str(source), "max_refused": 1.0, "unseen_rows": 1})
    with pytest.raises(UserError, match="1 of 1 rows are refused"):
        prepare_items(params)
