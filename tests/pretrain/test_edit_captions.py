"""Edits as text: an instruction with the captions before and after it."""

import json
import random
from collections import Counter

import numpy as np
import pytest
from click.testing import CliRunner

from atelier.common.errors import RefusedError, UserError
from atelier.text.instructions import caption, describe
from atelier.text.lexicon import PRINTS
from atelier.text.requests import read_request
from atelier.world.sample import sample_fabric
from pretrain import edit_captions
from pretrain.edit_captions import CaptionEdit, draw_edits, edit_caption, read_vocabulary, worn_in

TOPS, LOWER = ("t-shirt", "shirt", "blouse", "tank top", "sweater"), ("trousers", "shorts", "skirt")
HELD_OUT = ("green dotted", "purple plaid", "orange floral", "pink striped", "brown dotted")


def write_captions(count: int, seed: int, held_out: bool = False) -> list[str]:
    """Write captions of the world's grammar."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        names = ["dress"] if rng.random() < 0.2 else [str(rng.choice(LOWER)), str(rng.choice(TOPS))]
        names += ["jacket"] if len(names) == 2 and rng.random() < 0.2 else []
        fabrics = [sample_fabric(rng, held_out=held_out)[:2] for _ in names]
        worn = [describe(name, *fabric) for name, fabric in zip(names, fabrics, strict=True)]
        found.append(caption(str(rng.choice(("woman", "man"))), worn))
    return found


@pytest.fixture(scope="module")
def captions() -> list[str]:
    return write_captions(200, 0)


@pytest.fixture(scope="module")
def edits(captions) -> list[CaptionEdit]:
    return list(draw_edits(captions, 250, 5))


def words_of(colour: str, pattern: str, name: str) -> Counter[str]:
    return Counter(describe(name, colour, pattern).split())


def test_the_captions_differ_in_the_named_words_alone(edits):
    for edit in edits:
        (old,) = [worn for worn in worn_in(edit.before) if worn.name == edit.garment]
        before, after = edit.before.split(), edit.after.split()
        gone, come = Counter(before) - Counter(after), Counter(after) - Counter(before)
        assert gone <= words_of(old.colour, old.pattern, old.name), edit
        if edit.factor == "kind":
            assert set(edit.instruction.split()) >= set(come) - {"a", "an"}, edit
        else:
            new = words_of(edit.colour or old.colour, edit.pattern or old.pattern, old.name)
            assert come <= new, edit
            assert not edit.colour or Counter(edit.colour.split()) <= Counter(after), edit
            assert edit.pattern in (None, "solid") or PRINTS[edit.pattern].adjective in after, edit
        kept = [[word for word in words if not gone[word] + come[word]] for words in (before, after)]
        assert kept[0] == kept[1], edit


def test_the_instruction_requests_what_the_captions_show(edits):
    for edit in edits:
        if edit.factor != "kind":
            request = read_request(edit.instruction)
            assert (request.colour, request.pattern) == (edit.colour, edit.pattern), edit
            assert not edit.colour or edit.colour in edit.instruction
            assert (edit.colour is not None, edit.pattern is not None) == {
                "colour": (True, False), "pattern": (False, True), "both": (True, True)
            }[edit.factor]  # fmt: skip


def test_an_instruction_names_its_garment_where_another_could_be_meant(edits):
    for edit in edits:
        if "jacket" in edit.before:
            assert edit.garment in edit.instruction


def test_held_out_fabrics_never_appear():
    given = write_captions(200, 1, held_out=True)
    assert any(fabric in one for one in given for fabric in HELD_OUT)
    for edit in draw_edits(given, 150, 0):
        assert not [fabric for fabric in HELD_OUT if fabric in edit.before + edit.after], edit


def test_words_come_from_the_captions_as_often_as_they_occur(captions, edits):
    vocabulary = read_vocabulary(captions)
    new = Counter(edit.colour for edit in edits if edit.colour)
    assert set(new) <= set(vocabulary.colours)
    basic = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")
    shares = [sum(counts[name] for name in basic) / counts.total() for counts in (new, vocabulary.colours)]
    assert shares[0] == pytest.approx(shares[1], abs=0.12)  # 150 draws: 3 standard errors
    assert {edit.factor for edit in edits} == {"colour", "pattern", "both", "kind"}  # no caption names a cut


def test_more_edits_begin_with_the_fewer_and_another_seed_gives_others(captions, edits):
    assert list(draw_edits(captions, 20, 5)) == edits[:20]
    assert list(draw_edits(captions, 20, 6)) != edits[:20]


@pytest.mark.parametrize(
    ("before", "factor", "after", "instruction"),
    [
        ("a woman in a long red dress", "cut", "a woman in a short red dress", "make the dress shorter"),
        ("a man in a short-sleeved blue shirt", "cut", "a man in a long-sleeved blue shirt",
         "give the shirt long sleeves"),
        ("a photo of a red mug and an orange t-shirt", "kind", "a photo of a red mug and orange pyjamas", None),
        ("a man in black trousers", "kind", "a man in a black skirt", None),
    ],
)  # fmt: skip
def test_cut_and_kind(before, factor, after, instruction):
    vocabulary = read_vocabulary(["a black skirt", before])
    vocabulary.names.setdefault("upper", Counter())["pyjamas"] += 1
    edit = edit_caption(before, factor, vocabulary, random.Random(1))
    if "pyjamas" in after:
        after = after.replace("orange pyjamas", describe("pyjamas", "orange"))
    assert edit.after == after
    assert instruction in (None, edit.instruction)


@pytest.mark.parametrize(
    ("before", "factor", "reason"),
    [
        ("a photo of a mug", "colour", "names no garment"),
        ("a woman in a green dotted dress and red shoes", "colour", "held-out"),
        ("a woman in a red dress", "cut", "does not say how"),
        ("a woman in a red dress", "kind", "no alternative"),
        ("a woman in a red dress", "pattern", "no alternative"),
        ("a woman in a red dress with white buttons", "kind", "no alternative"),
    ],
)
def test_captions_that_allow_no_edit_are_refused_with_the_reason(before, factor, reason):
    with pytest.raises(RefusedError, match=reason):
        edit_caption(before, factor, read_vocabulary(["a red dress"]), random.Random(0))


def test_captions_without_garments_are_one_error():
    with pytest.raises(UserError, match="200 in a row allow no edit; the last: names no garment with a colour"):
        list(draw_edits(["a photo of a street"], 1, 0))


@pytest.mark.parametrize("suffix", [".txt", ".jsonl"])
def test_the_command_reads_lines_or_rows_and_writes_edits(captions, tmp_path, suffix):
    given, out = tmp_path / f"captions{suffix}", tmp_path / "edits.jsonl"
    lines = captions if suffix == ".txt" else [json.dumps({"caption": one, "split": "train"}) for one in captions]
    given.write_text("\n".join(lines))
    words = ["--captions", str(given), "--out", str(out), "--count", "30", "--seed", "5"]
    result = CliRunner().invoke(edit_captions.main, words)
    assert result.exit_code == 0, result.output
    assert [CaptionEdit(**json.loads(line)) for line in out.read_text().splitlines()] == list(
        draw_edits(captions, 30, 5)
    )
    given.write_text("\n")
    result = CliRunner().invoke(edit_captions.main, words)
    assert result.exit_code == 2
    assert "no captions; expected one a line" in result.output
