"""The stage as a whole: counts, quotas, splits without near duplicates, shortfalls, errors."""

import hashlib
import itertools
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from fixtures_pairs import PAIR, noise, pair, photograph
from scipy.ndimage import binary_dilation

from atelier.common.errors import UserError
from atelier.images.phash import fingerprint, near
from atelier.images.tensors import from_png, mask_from_png, to_png
from atelier.pairs.report import quota
from atelier.pairs.splits import drop_near
from atelier.text.captions import find_mention

SPLITS = ("train", "val", "test")


def test_counts_splits_and_kinds(paired, items):
    triplets, report = paired.triplets, paired.report
    assert [one.split for one in triplets] == ["train"] * 48 + ["val"] * 6 + ["test"] * 6
    assert report["shortfall"] == {"train": 0, "val": 0, "test": 0}
    assert report["kinds"] == Counter(one.kind for one in triplets) == {"aligned": 42, "same_item": 18}
    assert len({one.triplet_id for one in triplets}) == 60
    split_of = {item.item_id: item.split for item in items if item.domain == "seen"}
    assert all(split_of[one.item_id] == one.split for one in triplets)
    people = {split: {one.person_id for one in triplets if one.split == split} for split in SPLITS}
    assert not people["train"] & (people["val"] | people["test"])


@pytest.mark.parametrize("triplets", [1, 9, 10, 15, 2000, 2001])
def test_quotas_add_up(triplets):
    assert sum(quota(triplets, split) for split in SPLITS) == triplets


def test_pairs_depend_on_the_seed(paired, items, tmp_path):
    assert pair(items, PAIR, tmp_path) == paired
    assert pair(items, PAIR.model_copy(update={"seed": 8}), tmp_path).triplets != paired.triplets


def test_the_pairs_have_the_known_digests(paired):
    """Reading the items by row must not change the pairs: digests from reading whole tables into memory."""
    triplets = [(one.triplet_id, one.source_id, one.instruction) for one in paired.triplets]
    probes = [(one.probe_id, one.prompt, one.target_caption) for one in paired.probes]
    assert [hashlib.sha256(json.dumps(rows).encode()).hexdigest() for rows in (triplets, probes)] == [
        "72b0d631c23049b3fc08c2f7a2bde10b4ad92dd918553d6f9539464d31a772ad",
        "7df2833ac05185bcab9175c2dd08e05d3d232a0b7c30308f11f093245e4e06fe",
    ]


def test_an_aligned_target_differs_only_in_the_named_garment(paired):
    for one in (one for one in paired.triplets if one.kind == "aligned"):
        changed = np.abs(from_png(one.source).astype(int) - from_png(one.target)).max(axis=2) > 0
        mask = mask_from_png(one.source_mask)
        assert one.source_mask == one.target_mask
        assert changed[mask].any()
        assert (changed & ~binary_dilation(mask, iterations=2)).mean() < 0.01  # pixels at the edge of a hem may differ


def test_factor_and_instruction_agree_with_the_captions(paired):
    for one in paired.triplets:
        before, after = find_mention(one.source_caption, one.garment), find_mention(one.target_caption, one.garment)
        colour, pattern = after.colour != before.colour, after.pattern != before.pattern
        assert one.factor == {(True, False): "colour", (False, True): "pattern", (True, True): "both"}[colour, pattern]
        assert not colour or after.colour in one.instruction


def test_near_duplicates_are_dropped_from_the_earlier_split(index):
    seen = [one for one in index.entries if one.domain == "seen"]
    of = {split: next(one for one in seen if one.split == split) for split in SPLITS}
    copies = [
        replace(of[earlier], image_id=f"{earlier} copy of {later}", fingerprint=of[later].fingerprint)
        for earlier, later in (("train", "test"), ("train", "val"), ("val", "test"))
    ]
    kept = {one.image_id for one in drop_near([*index.entries, *copies], 0)}
    assert not kept & {one.image_id for one in copies}
    assert {one.image_id for one in index.entries if one.split == "test"} <= kept


def test_no_picture_has_a_near_duplicate_in_another_split(paired):
    rows = [*((one.split, one) for one in paired.triplets), *(("test", one) for one in paired.probes)]
    hashes = {split: [] for split in SPLITS}
    for split, one in rows:
        hashes[split] += [fingerprint(from_png(png)) for png in (one.source, one.target)]
    for first, second in itertools.combinations(SPLITS, 2):
        assert not near(hashes[first], hashes[second], PAIR.near_duplicate).any()


def test_a_shortfall_is_counted(items, tmp_path):
    few = [item for item in items if item.split != "train"] + [item for item in items if item.split == "train"][:8]
    study = pair(few, PAIR.model_copy(update={"triplets": 600, "aligned": 0.0}), tmp_path)
    made = Counter(one.split for one in study.triplets)
    assert study.report["shortfall"] == {split: quota(600, split) - made[split] for split in SPLITS}
    assert study.report["shortfall"]["train"] > 400


def test_without_triplets_nothing_is_written(items, tmp_path):
    photographs = [
        photograph(f"{n:02d}", "a man", mask=None, item_id=str(n), split=split, image=to_png(noise(n)))
        for n, split in enumerate(SPLITS)
    ]
    unseen = [item for item in items if item.domain == "unseen"]
    message = r"no train triplet can be made of 1 pictures with pair.aligned 0.7 and pair.given 0: an aligned"
    with pytest.raises(UserError, match=message):
        pair([*photographs, *unseen], PAIR, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["items.parquet"]


def test_no_probe_is_an_error(items, tmp_path):
    seen = [item for item in items if item.domain == "seen"]
    lower = [item for item in seen if not (item.split == "test" and item.slot == "upper")]
    for without, domain in ((seen, "unseen"), (lower, "seen")):
        with pytest.raises(UserError, match=f"no {domain} test picture can be a probe") as caught:
            pair(without, PAIR, tmp_path)
        assert "\n" not in str(caught.value)
