"""Test triplets: which pairs of the test split are chosen, and what their probes hold."""

from collections import Counter
from dataclasses import asdict

from fixtures_pairs import PAIR, given, pair

from atelier.text.instructions import RENDERED_COLOURS, RENDERED_PATTERNS


def test_test_triplets_are_given_pairs_first_then_same_item_then_aligned(items, tmp_path):
    """As many as asked for, each the triplet of its name, with its own target."""
    mixed = [*items, *(given(number, f"make the dress {RENDERED_COLOURS[number % 10]}") for number in range(9))]
    made = pair(
        mixed, PAIR.model_copy(update={"triplets": 100, "aligned": 0.3, "given": 0.3, "test_triplets": 9}), tmp_path
    )
    triplets = {one.triplet_id: one for one in made.triplets if one.split == "test"}
    kinds = Counter(one.kind for one in triplets.values())
    assert [one.kind for one in made.tests] == ["given"] * kinds["given"] + ["same_item"] * kinds["same_item"] + [
        "aligned"
    ] * (9 - kinds["given"] - kinds["same_item"])
    assert made.report["test_triplets"] == Counter(one.kind for one in made.tests)
    scenes = {item.image_id for item in items if item.scene}
    for test in made.tests:
        triplet = triplets[test.probe_id]
        expected = {name: value for name, value in asdict(triplet).items() if hasattr(test, name) and name != "factor"}
        assert {name: getattr(test, name) for name in expected} == expected
        assert (test.prompt, test.domain, test.true_target) == (triplet.instruction, "test_triplets", triplet.target)
        assert test.aligned_target == (None if triplet.kind == "same_item" else triplet.target)
        assert test.rendered == (triplet.source_id in scenes)
        assert test.colour in (None, *RENDERED_COLOURS)
        assert test.pattern in (None, *RENDERED_PATTERNS)


def test_no_test_triplets_if_none_are_asked_for_and_all_others_stay(paired, items, tmp_path):
    without = pair(items, PAIR.model_copy(update={"test_triplets": 0}), tmp_path)
    assert (without.tests, len(paired.tests)) == ([], 4)
    assert (without.triplets, without.probes) == (paired.triplets, paired.probes)
