"""Prompts of one's own: how entries are read, which pictures they are put to, what their probes hold."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from fixtures_config import refusal, write
from fixtures_pairs import PAIR, SIZE, pair, photograph, write_index
from hypothesis import given, settings
from hypothesis import strategies as st

from atelier.common.errors import UserError
from atelier.common.records import WHOLE
from atelier.config import PairPrompt, read_params
from atelier.config.presets import apply_preset
from atelier.images.tensors import from_png, mask_from_png
from atelier.pairs.probes import choose_sources, make_probes
from atelier.pairs.prompts import Prompt, read_prompts
from atelier.synthetic import fashion
from atelier.text.instructions import PROMPTS

COLOURS = ("red", "orange", "yellow", "green")


def read(*entries) -> list[Prompt]:
    return read_prompts(list(map(PairPrompt.model_validate, entries)))


@pytest.mark.parametrize(
    ("entry", "garment", "factor", "value"),
    [
        ("add stripes to the clothes", "clothes", "pattern", "stripes"),
        ("change shirt to blue", "shirt", "colour", "blue"),
        ("change to a floral pattern", None, "pattern", "floral"),
        ("make the shirt red", "shirt", "colour", "red"),
        ("make the jeans black", "trousers", "colour", "black"),
        ("change the dress to red stripes", "dress", "both", "red+stripes"),
        ("make the shirt look worn", "shirt", "other", ""),
        ("make it black and white", None, WHOLE, ""),
        ("turn it into an oil painting", None, WHOLE, ""),
        ("make the shirt black and white", "shirt", "other", ""),
        ("make the coat navy", "coat", "colour", "navy"),
        ("make the jacket denim", "jacket", "fabric", "denim"),
        ("a leopard print dress", "dress", "pattern", "leopard"),
        ({"text": "give her a summer look", "garment": "gown", "pattern": "floral"}, "dress", "pattern", "floral"),
        ({"text": "paint it red", "garment": "none"}, None, WHOLE, ""),
        ({"text": "as a nurse", "garment": "dress", "colour": "white"}, "dress", "colour", "white"),
        (2024, None, WHOLE, ""),
    ],
)  # fmt: skip
def test_what_an_entry_asks_for_is_read_from_its_text_and_its_keys(entry, garment, factor, value):
    (prompt,) = read(entry)
    assert (prompt.garment, prompt.factor, prompt.value) == (garment, factor, value)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("prompts: []", ["pair.prompts", "at least 1"]),
        ("prompts: make it red", ["pair.prompts", "list"]),
        ("prompts: [make it red, '', x]", ["pair.prompts[1].text: is empty"]),
        ("prompts: [make it red, true]", ["pair.prompts[1].text", "valid string", "true"]),
        ("prompts: [make it red, {garment: dress}]", ["pair.prompts[1].text", "Field required"]),
        ("prompts: [a, b, {text: c, garmet: dress}]", ["pair.prompts[2].garmet", "not permitted"]),
        ("prompts: [a, b, {text: c, garment: [dress]}]", ["pair.prompts[2].garment", "valid string"]),
        ('prompts: ["a\\nb"]', ["pair.prompts[0].text", "control character"]),
        ("test_triplets: -1", ["pair.test_triplets", "greater than or equal to 0"]),
    ],
)
def test_a_wrong_entry_is_one_line_that_names_its_place(tmp_path, line, expected):
    where = "pair." + line.split(":")[0]
    path = tmp_path / "params.yaml"
    if where == "pair.prompts":
        write(path, "pair.probes", f"probes: 60\n  {line}")
        text = path.read_text()
        start = text.index("  prompts:  ")
        path.write_text(text[:start] + text[text.index("  test_triplets:") :])
    else:
        write(path, where, line)
    message = refusal(path)
    assert all(part in message for part in expected), message


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["a", "b", "a"], r"pair.prompts\[2\]: the same text as pair.prompts\[0\], 'a'; give each text once"),
        (["a", {"text": "b", "garment": "spoon"}], r"pair.prompts\[1\].garment: 'spoon' is no known garment; a name"),
        ([{"text": "b", "colour": "loud"}], r"pair.prompts\[0\].colour: 'loud' is no known colour; a name such as "),
        ([{"text": "b", "pattern": "loud"}], r"pair.prompts\[0\].pattern: 'loud' is none of solid, "),
        ([{"text": "b", "source": "by day"}], r"pair.prompts\[0\].target: is empty; a source phrase needs"),
    ],
)  # fmt: skip
def test_an_entry_that_asks_for_nothing_known_is_refused(entries, message):
    with pytest.raises(UserError, match=message):
        read(*entries)


@pytest.mark.parametrize(
    "text",
    [
        "[make the dress red, add dots to the dress]",
        '[make it red, {text: "as a nurse", garment: dress, colour: white}]',
    ],
)
def test_prompts_can_be_set_on_the_command_line_and_kept_by_a_preset(tmp_path, text):
    path = write(tmp_path / "params.yaml", "pair.probes", "probes: 60")
    found = read_params(path, {"pair.prompts": text}).pair
    assert len(found.prompts) == 2
    assert type(found).model_validate(found.model_dump()) == found  # a text alone is written as a text
    apply_preset("full-size", path)
    assert [prompt.text for prompt in read_params(path).pair.prompts] == list(PROMPTS)


def picture(caption: str, **changes):
    return photograph("01", caption, split="test", **changes)


@pytest.mark.parametrize(
    ("entry", "item", "garment", "own"),
    [
        ("make the shirt red", picture("a man in a green shirt"), "shirt", True),
        ("make the shirt red", picture("a man in a red shirt"), None, None),
        ("make the shirt red", picture("a man", colour="red"), None, None),
        ("make the shirt red and striped", picture("a man in a red shirt"), "shirt", True),
        ("make the shirt red and striped", picture("a man in a red striped shirt"), None, None),
        ("add stripes to the shirt", picture("a man in a red shirt"), "shirt", True),
        ("add stripes to the shirt", picture("a man in a red striped shirt"), None, None),
        ("make the shirt blue", picture("a man in a navy shirt"), None, None),
        ("make the shirt navy", picture("a man in a blue shirt"), "shirt", True),
        ("make the shirt denim", picture("a man in a denim shirt"), "shirt", True),
        ("make the shirt look old", picture("a man in an old shirt"), "shirt", True),
        ("make the clothes red", picture("x", garment="t-shirt"), "t-shirt", True),
        ("make the clothes red", picture("x", garment="trousers", slot="lower"), None, None),
        ("make the dress red", picture("x", garment="trousers", slot="lower"), None, None),
        ("make the dress red", picture("x", garment="dress", slot="full"), "dress", True),
        ("make the dress red", picture("x", garment="clothes", slot="full"), "dress", False),
        ("make the jeans red", picture("a man in a white shirt and blue jeans"), "trousers", False),
        ("make the jeans blue", picture("a man in a white shirt and blue jeans"), None, None),
        ("make it black and white", picture("a man in a black shirt"), "", False),
    ],
)
def test_a_prompt_is_put_to_the_pictures_that_it_can_change(entry, item, garment, own, tmp_path):
    prompts, index = read(entry), write_index([item], tmp_path)
    chosen = choose_sources(index.entries, prompts, index.fetch, 1, 1)
    if garment is None:
        assert chosen == []
        return
    (probe,) = make_probes(chosen, prompts, index.fetch)
    assert (probe.garment, probe.prompt, probe.target) == (garment, prompts[0].text, None)
    assert (probe.mask == item.mask) == own
    if probe.factor == WHOLE:
        assert mask_from_png(probe.mask).all()
        assert probe.noop is None


@pytest.mark.parametrize(
    ("entry", "source", "target"),
    [
        ("make the shirt red", "a man in a green shirt", "a man in a red shirt"),
        ("turn it into a painting", "a man in a green shirt", "a man in a green shirt, turn it into a painting"),
        ({"text": "as a painting", "target": "oil on canvas"}, "a man in a green shirt",
         "a man in a green shirt, oil on canvas"),
        ({"text": "roll it up", "garment": "shirt", "source": "green shirt", "target": "short green shirt"},
         "a man in a green shirt", "a man in a short green shirt"),
        ({"text": "by night", "source": "by day", "target": "by night"}, "a man in a green shirt, by day",
         "a man in a green shirt, by night"),
        ({"text": "make the shirt red", "target": "on fire"}, "a man in a green shirt",
         "a man in a green shirt, on fire"),
    ],
)  # fmt: skip
def test_captions_say_what_the_prompt_changes(entry, source, target, tmp_path):
    prompts, index = read(entry), write_index([picture("a man in a green shirt")], tmp_path)
    (probe,) = make_probes(choose_sources(index.entries, prompts, index.fetch, 1, 1), prompts, index.fetch)
    assert (probe.source_caption, probe.target_caption) == (source, target)


def test_rendered_pictures_have_an_exact_target_for_what_the_renderer_can_paint(items, tmp_path):
    texts = ["make the trousers green", "change the dress to red dots", "make the jacket look old", "as a painting"]
    made = pair(items, PAIR.model_copy(update={"prompts": [PairPrompt(text=text) for text in texts]}), tmp_path)
    scenes = {item.image_id: fashion.Scene.from_json(item.scene) for item in items}
    painted = {
        "make the trousers green": {"colour": "green"},
        "change the dress to red dots": {"colour": "red", "pattern": "dots"},
    }
    assert {probe.prompt for probe in made.probes} == set(texts)
    for probe in made.probes:
        scene = scenes[probe.source_id]
        masks = fashion.render(scene, SIZE).masks
        slot = next((slot for slot, worn in scene.garments.items() if worn.kind == probe.garment), None)
        exact = mask_from_png(probe.exact_mask)
        assert probe.rendered
        assert (exact == (masks[slot] if slot else True)).all()
        assert (probe.target is not None) == (probe.prompt in painted)
        if probe.target:
            wanted = fashion.render(fashion.edit(scene, slot, **painted[probe.prompt]), SIZE).image
            np.testing.assert_array_equal(from_png(probe.target), wanted)
    put = made.report["prompts"]
    counted = Counter((probe.domain, probe.prompt) for probe in made.probes)
    assert {(domain, text): n for domain, prompts in put.items() for text, n in prompts.items() if n} == counted
    assert put["seen"]["as a painting"] == PAIR.probes


def test_a_prompt_that_no_picture_can_have_is_named_and_the_others_are_used(items, tmp_path, capsys):
    prompts = [PairPrompt(text="make the cape red"), PairPrompt(text="make the shirt red")]
    made = pair(items, PAIR.model_copy(update={"prompts": prompts}), tmp_path)
    assert {probe.prompt for probe in made.probes} == {"make the shirt red"}
    assert "no seen test picture shows what these prompts would change: 'make the cape red'" in capsys.readouterr().err


@settings(max_examples=40)
@given(
    garments=st.lists(st.sampled_from(["shirt", "dress", "trousers"]), min_size=1, max_size=12),
    asked=st.lists(st.tuples(st.sampled_from(["shirt", "dress", "trousers"]), st.sampled_from(COLOURS)), min_size=1,
                   max_size=12, unique=True),
    count=st.integers(1, 5),
)  # fmt: skip
def test_each_prompt_gets_as_many_pictures_as_asked_for_or_all_that_it_can_change(garments, asked, count, entry_of):
    """Compared with a count by hand, for one to twelve prompts."""
    prompts = read(*(f"make the {garment} {colour}" for garment, colour in asked))
    entries = [
        replace(
            entry_of[garment],
            image_id=f"{n}",
            item_id=f"{n % 5}",
            caption=f"a man in a {COLOURS[n % 4]} {garment}",
        )
        for n, garment in enumerate(garments)
    ]
    chosen = choose_sources(entries, prompts, lambda _: pytest.fail("no picture need be read"), count, 1)
    assert len({one.entry.image_id for one in chosen}) == len(chosen)
    for number, (garment, colour) in enumerate(asked):
        possible = sum(one.garment == garment and f" {colour} " not in one.caption for one in entries)
        put = sum(number in one.subjects for one in chosen)
        assert min(count, possible) <= put <= possible


@pytest.fixture(scope="module")
def entry_of(tmp_path_factory) -> dict:
    slots = {"shirt": "upper", "dress": "full", "trousers": "lower"}
    index = write_index(
        (picture("a man", image_id=garment, garment=garment, slot=slot) for garment, slot in slots.items()),
        tmp_path_factory.mktemp("garments"),
    )
    return {entry.garment: entry for entry in index.entries}
