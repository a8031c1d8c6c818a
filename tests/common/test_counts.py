"""Counts for reports."""

from atelier.common.counts import NAMED, name_first, tally, tally_refused


def test_counts_are_sorted_by_name_and_refusals_begin_with_their_total():
    assert list(tally(["b", "a", "b"]).items()) == [("a", 1), ("b", 2)]
    assert list(tally_refused(["b", "a", "b"]).items()) == [("total", 3), ("a", 1), ("b", 2)]
    assert tally_refused([]) == {"total": 0}


def test_the_first_rows_are_named_for_each_reason():
    rows = [(f"row {n}", "rare" if n == 3 * NAMED else "common") for n in range(4 * NAMED)]
    named = name_first(rows)
    assert list(named.values()) == [*(f"row {n}: common" for n in range(NAMED)), f"row {3 * NAMED}: rare"]
    assert list(named)[:2] == ["01", "02"]
