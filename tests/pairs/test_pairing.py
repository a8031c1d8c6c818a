"""Pairs as a whole: counts and quotas, splits without near-duplicates, shortfalls, errors that leave nothing."""

import hashlib
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from fixtures_pairing import PAIR, noise, pair, photograph
from scipy.ndimage import binary_dilation

from atelier.common.errors import UserError
from atelier.common.iterables import take_turns
from atelier.images.phash import fingerprint, near
from atelier.images.tensors import from_png, to_png
from atelier.pairs.report import quota
from atelier.pairs.splits import drop_near
from atelier.text.captions import find_mention


def test_counts_splits_and_kinds(paired, items):
    triplets, report = paired.triplets, paired.report
    assert Counter(one.split for one in triplets) == {"train": 48, "val": 6, "test": 6}
    assert report["shortfall"] == {"train": 0, "val": 0, "test": 0}
    assert [one.split for one in triplets] == sorted(
        (one.split for one in triplets), key=["train", "val", "test"].index
    )
    assert report["kinds"] == Counter(one.kind for one in triplets) == {"aligned": 42, "same_item": 18}
    assert len({one.triplet_id for one in triplets}) == 60
    split_of = {item.item_id: item.split for item in items if item.domain == "seen"}
    assert all(split_of[one.item_id] == one.split for one in triplets)
    people = {split: {one.person_id for one in triplets if one.split == split} for split in ("train", "val", "test")}
    assert not people["train"] & (people["val"] | people["test"])


@pytest.mark.parametrize("triplets", [1, 9, 10, 15, 2000, 2001])
def test_quotas_add_up(triplets):
    assert sum(quota(triplets, split) for split in ("train", "val", "test")) == triplets


def test_the_same_seed_gives_the_same_rows_and_another_one_others(paired, items, tmp_path):
    assert pair(items, PAIR, tmp_path) == paired
    assert pair(items, PAIR.model_copy(update={"seed": 8}), tmp_path).triplets != paired.triplets


def digest(rows: list[tuple[str, ...]]) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def test_the_pairs_are_those_that_whole_tables_in_memory_gave(paired):
    """Digests of what `pair` made before it read its items by row: how they are read must not change what is made."""
    triplets = [(one.triplet_id, one.source_id, one.instruction) for one in paired.triplets]
    assert digest(triplets) == "72b0d631c23049b3fc08c2f7a2bde10b4ad92dd918553d6f9539464d31a772ad"
    probes = [(one.probe_id, one.prompt, one.target_caption) for one in paired.probes]
    assert digest(probes) == "7df2833ac05185bcab9175c2dd08e05d3d232a0b7c30308f11f093245e4e06fe"


def test_an_aligned_target_differs_in_the_named_garment_alone(paired):
    aligned = [one for one in paired.triplets if one.kind == "aligned"]
    for one in aligned:
        source, target = from_png(one.source).astype(int), from_png(one.target).astype(int)
        mask = from_png(one.source_mask) >= 128
        changed = np.abs(source - target).max(axis=2) > 0
        assert one.source_mask == one.target_mask
        assert changed[mask].any()
        assert (changed & ~binary_dilation(mask, iterations=2)).mean() < 0.01  # a hem may lend a pixel its edge


def test_an_aligned_triplet_says_what_it_shows(paired):
    for one in paired.triplets:
        before, after = find_mention(one.source_caption, one.garment), find_mention(one.target_caption, one.garment)
        colour, pattern = after.colour != before.colour, after.pattern != before.pattern
        assert one.factor == {(True, False): "colour", (False, True): "pattern", (True, True): "both"}[colour, pattern]
        assert not colour or after.colour in one.instruction


def test_training_gives_way_to_what_is_measured_on(index):
    of = {
        split: next(one for one in index.entries if one.split == split and one.domain == "seen")
        for split in ("train", "val", "test")
    }
    copies = [
        replace(of["train"], image_id="copy of test", fingerprint=of["test"].fingerprint),
        replace(of["train"], image_id="copy of val", fingerprint=of["val"].fingerprint),
        replace(of["val"], image_id="val copy of test", fingerprint=of["test"].fingerprint),
    ]
    kept = {one.image_id for one in drop_near([*index.entries, *copies], 0)}
    assert not kept & {"copy of test", "copy of val", "val copy of test"}
    assert {one.image_id for one in index.entries if one.split == "test"} <= kept


def test_no_picture_of_a_split_is_near_one_of_another(paired):
    hashes = {split: [] for split in ("train", "val", "test")}
    for one in paired.triplets:
        hashes[one.split] += [fingerprint(from_png(png)) for png in (one.source, one.target)]
    for one in paired.probes:
        hashes["test"] += [fingerprint(from_png(png)) for png in (one.source, one.target)]
    for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
        assert not near(hashes[first], hashes[second], PAIR.near_duplicate).any()


def test_turns_are_fair_and_a_group_is_asked_when_its_turn_has_come():
    asked = []

    def group(name: str, size: int):
        for number in range(size):
            asked.append(name)
            yield f"{name}{number}"

    turns = take_turns(group(name, size) for name, size in (("a", 2), ("b", 0), ("c", 3)))
    assert (next(turns), asked) == ("a0", ["a"])
    assert list(turns) == ["c0", "a1", "c1", "c2"]


def test_a_shortfall_is_counted(items, tmp_path):
    few = [item for item in items if item.split != "train"] + [item for item in items if item.split == "train"][:8]
    study = pair(few, PAIR.model_copy(update={"triplets": 600, "aligned": 0.0}), tmp_path)
    made = Counter(one.split for one in study.triplets)
    assert study.report["shortfall"] == {split: quota(600, split) - made[split] for split in ("train", "val", "test")}
    assert study.report["shortfall"]["train"] > 400


def test_no_triplet_at_all_is_an_error_and_leaves_nothing(items, tmp_path):
    photographs = [
        photograph(f"{n:02d}", "a man", mask=None, item_id=str(n), split=split, image=to_png(noise(n)))
        for n, split in enumerate(("train", "val", "test"))
    ]
    unseen = [item for item in items if item.domain == "unseen"]
    with pytest.raises(
        UserError,
        match=r"no train triplet can be made of 1 pictures with pair.aligned 0.7 and pair.given 0: an aligned",
    ):
        pair([*photographs, *unseen], PAIR, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["items.parquet"]


def test_no_probe_is_an_error(items, tmp_path):
    with pytest.raises(UserError, match="no unseen test picture can be a probe"):
        pair([item for item in items if item.domain == "seen"], PAIR, tmp_path)
    lower = [item for item in items if item.domain == "seen" and not (item.split == "test" and item.slot == "upper")]
    with pytest.raises(UserError, match="no seen test picture can be a probe"):
        pair(lower, PAIR, tmp_path)
