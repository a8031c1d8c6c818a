"""The count of triplets and probes with texts that the networks do not read whole."""

import pytest
from fixtures_pairs import ALL_GIVEN, PAIR, given, pair, photograph
from fixtures_training import make_models
from import_graph import ROOT

from atelier.pairs.lengths import load_limits

FILLER = "please look at this lovely picture of a person in a nice studio with a plain wall and soft light and "


@pytest.fixture(scope="module")
def limits():
    """The embedded networks' limits, 24 tokens each."""
    return load_limits(make_models(ROOT / "models/base/editor", ROOT / "models/base/clip"))


def test_texts_that_are_read_whole_are_not_mentioned(items, limits, tmp_path):
    assert "not_read_whole" not in pair(items, PAIR, tmp_path, limits).report


def test_long_instructions_and_captions_are_counted(limits, tmp_path):
    words = ["make the shirt green", FILLER * 2 + "make the shirt green"]
    captions = ["a woman", FILLER * 2, "a man"]
    items = [given(number, words[number % 2], captions[number % 3]) for number in range(12)]
    seen = [photograph("01", FILLER * 3, image_id=f"p-{number}", domain="unseen", split="test") for number in range(2)]
    found = pair([*items, *seen], ALL_GIVEN, tmp_path, limits)
    long = [one for one in found.triplets if len(one.instruction) > 100]
    assert 0 < len(long) < len(found.triplets)
    assert found.report["not_read_whole"] == {
        "probe_captions": sum(len(one.source_caption) > 100 for one in found.probes),
        "triplet_captions": sum(len(one.source_caption) > 100 for one in found.triplets),
        "triplet_instructions": len(long),
    }


def test_without_tokenizers_long_texts_are_not_counted_with_a_notice(tmp_path, capsys):
    assert load_limits(make_models(tmp_path, tmp_path)) is None
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("atelier: pair: long texts are not counted: ")
