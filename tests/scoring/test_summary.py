"""Means and paired differences of a table of scores, against values by hand."""

import numpy as np
import pandas as pd
import pytest

from atelier.scoring.measures import MEASURES
from atelier.scoring.summary import FACTS, summarise, summary_table, why_left_out


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    """Two editors on 12 rows of 6 sources; the second is worse by 0.1 to 0.2; the last row lacks it."""
    rng, rows = np.random.default_rng(0), []
    for number in range(12):
        base = rng.random()
        for editor, more in (("one", 0), ("two", 0.1 + 0.1 * rng.random())):
            facts = (f"line {number}", f"s{number // 2}.png", editor, "e.png", "", "given", 64, 64)
            values = dict.fromkeys(MEASURES, np.nan) | {"mae_outside": base + more, "pie_mse": base + more}
            rows.append(dict(zip(FACTS, facts, strict=True)) | values)
    return pd.DataFrame(rows[:-1])


def test_means_and_differences_are_paired_by_row(scores):
    report = summarise(scores, ["one", "two", "three"], draws=500)
    assert (report["edits"], report["rows"], report["sources"]) == (23, 12, 6)
    wide = scores.pivot_table(index="row", columns="editor", values="mae_outside")
    for editor, n in (("one", 12), ("two", 11)):
        estimate = report["editors"][editor]["mae_outside"]
        assert estimate["mean"] == pytest.approx(wide[editor].mean(), rel=1e-5)
        assert estimate["n"] == n
    assert list(report["differences"]) == ["two − one"]
    difference = report["differences"]["two − one"]
    assert difference.keys() == {"mae_outside"}, "what a benchmark repeats is not compared"
    estimate = difference["mae_outside"]
    assert estimate["mean"] == pytest.approx((wide["two"] - wide["one"]).mean(), rel=1e-5)
    assert 0.1 < estimate["ci_lo"] < estimate["mean"] < estimate["ci_hi"] < 0.2
    assert (estimate["n"], estimate["clusters"]) == (11, 6)
    assert estimate["p"] < 0.1


def test_sources_not_rows_are_the_independent_units(scores):
    """Copies of every row make no interval narrower."""
    twice = pd.concat([scores, scores.assign(row=scores["row"] + " again")])
    before, after = (summarise(one, ["one"], draws=500)["editors"]["one"]["mae_outside"] for one in (scores, twice))
    assert after["n"] == 2 * before["n"]
    assert (before["ci_lo"], before["ci_hi"]) == pytest.approx((after["ci_lo"], after["ci_hi"]), rel=1e-6)


def test_what_no_edit_has_is_named_with_the_reason(scores):
    reasons = why_left_out(scores, ["clip"])
    assert "mae_outside" not in reasons
    assert reasons["rmse_outside"] == "no mask was given or found"
    assert reasons["clip_similarity"] == "no network for clip is used"
    assert reasons["boundary_inside"] == "no mask was given or found; no target was given"


def test_the_summary_is_a_table(scores):
    table = summary_table(summarise(scores, ["one", "two"], draws=100))
    assert list(table["editor"].unique()) == ["one", "two", "two − one"]
    assert table.loc[table["editor"] == "one", "p"].isna().all()
    assert table.loc[table["editor"] == "two − one", "p"].notna().all()
