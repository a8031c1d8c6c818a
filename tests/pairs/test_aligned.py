"""Aligned pairs: exact targets of rendered sources, recoloured photographs, held-out fabrics, shares."""

import itertools
import random
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from fixtures_pairs import noise, photograph, write_index

from atelier.common.records import Item, Triplet
from atelier.images.tensors import from_png, mask_from_png, to_png
from atelier.pairs.aligned import draw_changes, make_aligned
from atelier.pairs.recolour import name_colour
from atelier.synthetic import fashion
from atelier.text.captions import find_mention
from atelier.text.instructions import RENDERED_COLOURS, RENDERED_PATTERNS


def aligned(folder: Path, item: Item) -> list[Triplet]:
    index = write_index([item], folder)
    return list(make_aligned(index.entries, index.fetch, 1, held_out=False, refused=Counter()))


def test_held_out_fabrics_occur_only_in_the_test_split(index):
    fabrics = {True: set(), False: set()}
    for entry in (one for one in index.entries if one.domain == "seen"):
        scene = fashion.Scene.from_json(entry.scene)
        for held_out, found in fabrics.items():
            for change in draw_changes(entry, index.fetch, random.Random(1), held_out=held_out):
                edited = fashion.edit(scene, change.slot, colour=change.colour, pattern=change.pattern)
                found |= {(worn.colour, worn.pattern) for one in (scene, edited) for worn in one.garments.values()}
    assert not fabrics[False] & fashion.HELD_OUT
    assert fabrics[True] >= fashion.HELD_OUT


def test_each_source_is_used_once_before_any_twice(index):
    pool = [one for one in index.entries if one.domain == "seen"][:16]
    usable = sum(not fashion.Scene.from_json(one.scene).held_out for one in pool)
    first = itertools.islice(make_aligned(pool, index.fetch, 1, held_out=False, refused=Counter()), usable)
    assert len({one.source_id for one in first}) == usable


def test_all_changes_of_a_source_are_made_once(index):
    """9 colours, 4 patterns and 36 combinations per garment, without the held-out fabrics."""
    upper = (one for one in index.entries if one.slot == "upper")
    entry = next(one for one in upper if not fashion.Scene.from_json(one.scene).held_out)
    scene = fashion.Scene.from_json(entry.scene)
    made = [
        (one.garment, one.target_caption)
        for one in make_aligned([entry], index.fetch, 1, held_out=False, refused=Counter())
    ]
    fabrics = {(colour, pattern) for colour in RENDERED_COLOURS for pattern in RENDERED_PATTERNS} - fashion.HELD_OUT
    expected = sum(len(fabrics - {(worn.colour, worn.pattern)}) for worn in scene.garments.values())
    assert len(made) == len(set(made)) == expected


def test_the_shares_of_factors_and_of_the_other_garment(index):
    drawn = [
        (one.slot, change)
        for one in index.entries
        if one.domain == "seen" and one.slot != "full"
        for change in itertools.islice(draw_changes(one, index.fetch, random.Random(one.image_id), held_out=True), 3)
    ]
    assert len(drawn) > 400
    for factor in ("colour", "pattern"):
        assert np.mean([change.factor == factor for _, change in drawn]) == pytest.approx(0.45, abs=0.08)
    assert np.mean([change.slot != slot for slot, change in drawn]) == pytest.approx(0.4, abs=0.08)


def test_a_photograph_is_recoloured_in_every_other_colour(tmp_path):
    made = aligned(tmp_path, photograph("01", "a man in a green shirt", "green"))
    assert [one.factor for one in made] == ["colour"] * 9
    assert {one.target_caption.split()[4] for one in made} == set(RENDERED_COLOURS) - {"green"}
    for one in made:
        shown = name_colour(from_png(one.target), mask_from_png(one.target_mask))
        assert find_mention(one.target_caption, "shirt").colour == shown


def test_a_photograph_without_a_garment_mask_is_not_recoloured(tmp_path):
    assert aligned(tmp_path, photograph("01", "a man", mask=None)) == []
    of_the_edit = photograph("01", "a man", instruction="make the sky red", target=to_png(noise(1)))
    assert aligned(tmp_path, of_the_edit) == []


def test_a_photograph_whose_caption_names_two_such_garments_is_not_recoloured(tmp_path):
    twice = photograph("01", "one man in a red shirt and one in a blue shirt")
    index = write_index([twice, photograph("02", "a man in a black and white shirt")], tmp_path)
    refused = Counter()
    made = list(make_aligned(index.entries, index.fetch, 1, held_out=False, refused=refused))
    assert {one.source_id for one in made} == {"seen-02"}
    assert refused == {"caption names the garment in contradicting colours": 1}
    colours = {name_colour(from_png(one.target), mask_from_png(one.target_mask), RENDERED_COLOURS) for one in made}
    assert {one.target_caption.split()[-2] for one in made} == colours  # "black and white" is gone
    assert not any(re.search(r"\ba [aeiou]", f"{one.instruction} {one.target_caption}") for one in made)
