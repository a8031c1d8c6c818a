"""Probes: test pictures that all four prompts change, exact targets of rendered ones, few pictures read."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from fixtures_pairs import PAIR, SIZE, photograph, write_index
from PIL import Image

from atelier.common.records import Item, Probe
from atelier.images.tensors import from_png, mask_from_png
from atelier.pairs.probes import choose_sources, make_probes
from atelier.pairs.prompts import Prompt, read_prompts
from atelier.synthetic import fashion
from atelier.text.captions import find_mention
from atelier.text.instructions import PROMPTS

FOUR = read_prompts(PAIR.prompts)


def probes_of(item: Item, folder: Path, prompts: Sequence[Prompt] = FOUR) -> list[Probe]:
    """Make the probes of one picture."""
    index = write_index([item], folder)
    return list(make_probes(choose_sources(index.entries, prompts, index.fetch, 1, 1), prompts, index.fetch))


def test_probes_are_test_pictures_that_all_four_prompts_change(paired, items):
    probes, report = paired.probes, paired.report
    splits = {item.image_id: item.split for item in items}
    assert report["probes"] == {"seen": 4, "unseen": 4}
    assert Counter(one.source_id for one in probes).most_common()[-1][1] == 4
    assert len({one.probe_id for one in probes}) == 32
    for one in probes:
        assert splits[one.source_id] == "test"
        assert (one.factor, one.value) == PROMPTS[one.prompt]
        source, target, exact = from_png(one.source), from_png(one.target), mask_from_png(one.exact_mask)
        changed = np.abs(source.astype(int) - target).max(axis=2) > 8
        assert changed[exact].mean() > 0.1
        assert one.value in ("red", "blue") or one.target_caption != one.source_caption
        mention = find_mention(one.target_caption, one.garment)
        assert one.value in (mention.colour, mention.pattern)
        assert one.garment in ("t-shirt", "shirt", "jacket")
        assert one.other_mask is None or not (exact & (mask_from_png(one.other_mask))).any()
        assert one.mask == (None if one.domain == "unseen" else one.exact_mask)  # street pictures have a box only
        assert (one.box is None) == (one.domain == "seen")


def test_rendered_probes_have_the_edit_as_target_the_present_colour_as_noop_and_a_mask_of_a_visible_face(paired, items):
    scenes = {item.image_id: fashion.Scene.from_json(item.scene) for item in items}
    for one in paired.probes:
        scene = scenes[one.source_id]
        edited = fashion.edit(scene, "upper", **{one.factor: one.value})
        np.testing.assert_array_equal(from_png(one.target), fashion.render(edited, SIZE).image)
        assert one.target_caption == fashion.describe_scene(edited)
        assert one.noop == f"make the {one.garment} {scene.garments['upper'].colour}"
        face = fashion.render(scene, SIZE).masks["face"]
        assert (one.face_mask is not None) == face.any()
        if one.face_mask:
            np.testing.assert_array_equal(mask_from_png(one.face_mask), face)


def test_probes_come_from_as_many_garment_items_as_there_are(index):
    unseen = [one for one in index.entries if one.domain == "unseen"]
    assert len({one.entry.item_id for one in choose_sources(unseen, FOUR, index.fetch, 4, 1)}) == 4


@pytest.mark.parametrize(
    ("item", "usable"),
    [
        (photograph("01", "a man in a green shirt", split="test"), True),
        (photograph("01", "a man in a blue shirt", split="test"), False),
        (photograph("01", "a man in a green floral shirt", split="test"), False),
        (photograph("01", "a man", "red", split="test"), False),
        (photograph("01", "a man", "yellow", split="test"), True),
        (photograph("01", "a man", mask=None, split="test"), True),
        (photograph("01", "a man", "yellow", split="train"), False),
        (photograph("01", "a man", "yellow", split="test", garment="skirt", slot="lower"), False),
        (photograph("01", "a man", "yellow", split="test", garment="clothes", slot="full"), True),
        (photograph("01", "a man", "red", split="test", garment="clothes", slot="full"), False),
    ],
)
def test_photographs_that_a_prompt_would_not_change_do_not_get_all_prompts(item, usable, tmp_path):
    index = write_index([item], tmp_path)
    chosen = choose_sources(index.entries, FOUR, index.fetch, 5, 1)
    assert [one.entry for one in chosen if len(one.subjects) == 4] == (index.entries if usable else [])


def test_pictures_are_read_lazily(tmp_path):
    """Of 40 pictures whose captions name no colour, two are requested: only those and the red ones before are read."""
    colours, looked = ["red", "yellow", "yellow", "yellow"] * 10, []
    people = [photograph(f"{n:02d}", "a man", c, split="test", item_id=str(n)) for n, c in enumerate(colours)]
    index = write_index(people, tmp_path)
    chosen = choose_sources(index.entries, FOUR, lambda entry: looked.append(entry) or index.fetch(entry), 2, 1)
    assert len(chosen) == 2
    assert [one for one in looked if colours[one.row] == "yellow"] == [one.entry for one in chosen]
    assert len(looked) < 20


def test_a_probe_of_a_photograph_has_a_caption_and_no_target(tmp_path):
    named, unnamed = (photograph("01", caption, split="test") for caption in ("a man in a green shirt", "a man"))
    first, *_ = probes_of(named, tmp_path)
    assert (first.prompt, first.target_caption) == ("add stripes to the clothes", "a man in a green striped shirt")
    assert (first.target, first.exact_mask, first.other_mask) == (None, None, None)
    assert Image.fromarray(from_png(first.mask)).mode == "L"
    for item, noop in ((named, "make the shirt green"), (unnamed, None)):
        assert {probe.noop for probe in probes_of(item, tmp_path)} == {noop}
