"""Edits whose captions CLIP does not read: their scores are missing everywhere, counted, and never 0."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fixtures_edits import Study
from fixtures_scoring import score
from fixtures_sweeps import sweep_edits

from atelier.evaluation.batches import prepare_sources
from atelier.evaluation.guidance_sweep import score_sweep, summarise_frontiers, tabulate_frontiers
from atelier.evaluation.samples import join_samples, join_sweep
from atelier.evaluation.summary import headline, summarise
from atelier.metrics.registry import MODELS
from atelier.report.edit_sheets import draw_sheet, pick_worst
from atelier.report.page.write import render_page
from atelier.report.tables import average, compare_with_paper
from atelier.stats.tables import to_csv

FILLER = "so many words that nobody reads them to the end " * 3  # over 96 letters: the tiny CLIP reads no more
CAPTIONED = ["clip_similarity", "clip_directional", "clip_inside_box"]


def lengthen(probe):
    """Put the change where no window can hold it: at both ends of the caption."""
    garment = f"{'very' * 40} {probe.garment}"
    return replace(probe, source_caption=FILLER, target_caption=f"{probe.value} {FILLER} {garment}")


def lengthened(study: Study, which) -> list:
    return [lengthen(probe) if which(number, probe) else probe for number, probe in enumerate(study.probes)]


@pytest.fixture(scope="module")
def partly(study, scorers) -> pd.DataFrame:
    """The scores where every third probe has captions that are too long."""
    return score(study, scorers, 16, lengthened(study, lambda number, _: number % 3 == 0))


def test_only_the_scores_of_unread_captions_are_missing(partly, scores, study):
    unread = {probe.probe_id for number, probe in enumerate(study.probes) if number % 3 == 0}
    partly, scores = (table[table["model"].isin(MODELS)].reset_index(drop=True) for table in (partly, scores))
    here = partly["probe_id"].isin(unread)
    for name in CAPTIONED:
        assert (partly[name].isna() == here).all(), name
    same = [name for name in scores.columns if not name.startswith("clip_") and name != "pattern_recognised"]
    pd.testing.assert_frame_equal(partly[same], scores[same], atol=1e-4)
    pd.testing.assert_frame_equal(partly.loc[~here, CAPTIONED], scores.loc[~here, CAPTIONED], atol=1e-3)


def test_means_gains_and_tests_leave_them_out_and_count_them(partly):
    report = summarise(partly, draws=200, seed=0)
    for domain in ("seen", "unseen"):
        part, rows = report[domain], partly[partly["domain"] == domain]
        tuned, base = (rows[rows["model"] == model].set_index("probe_id") for model in ("finetuned", "baseline"))
        for name in CAPTIONED:
            assert part["left_out"][name] == 8
            assert part["finetuned"][name]["n"] == part["gain"][name]["n"] == 16
            assert part["finetuned"][name]["mean"] == pytest.approx(tuned[name].mean(), rel=1e-4)
            assert part["gain"][name]["mean"] == pytest.approx((tuned[name] - base[name]).mean(), rel=1e-4, abs=1e-6)
        assert part["finetuned"]["lpips"]["n"] == 24
    assert "NaN" not in json.dumps(report)


def test_equal_captions_have_a_similarity_but_no_direction(study, scorers):
    probes = [replace(probe, target_caption=probe.source_caption) for probe in study.probes]
    found = score(study, scorers, 16, probes)
    assert found["clip_directional"].isna().all()
    assert found["clip_similarity"].notna().all()
    assert set(summarise(found, draws=50, seed=0)["seen"]["left_out"]) == {"clip_directional"}


@pytest.fixture(scope="module")
def nothing(study, scorers) -> tuple[pd.DataFrame, dict]:
    """The scores and the report of a seen domain in which no caption is read."""
    found = score(study, scorers, 16, lengthened(study, lambda _, probe: probe.domain == "seen"))
    return found, {"networks": {"clip": "a/clip"}} | summarise(found, draws=50, seed=0)


def test_a_score_that_no_edit_has_is_a_dash_or_absent_and_no_number(nothing, study, page_data):
    scores, report = nothing
    short = headline(report)
    assert not {"dir", "clip"} & short["seen"].keys()
    assert "leakage" in short["seen"]
    text = compare_with_paper(report)
    assert "| **finetuned** | – | – |" in text
    assert "Edits left out of CLIP similarity 24, CLIP directional similarity 24," in text
    samples = join_samples(study.probes, study.zones, study.edits)
    rows = average(scores, "prompt")
    assert rows.loc[rows["domain"] == "seen", CAPTIONED].isna().all().all()
    page = render_page(replace(page_data, report=report, scores=scores, samples=samples))
    assert "Seen. Edits left out of CLIP similarity 24" in page
    words = re.sub(r"data:image/[^\"]*", "", page.split("<script")[0])
    for written in (text, to_csv(rows), words):
        assert "nan" not in written.lower().replace("finance", "")
    assert len(pick_worst([one for one in samples if one.probe.domain == "seen"], scores, 3)) == 3
    assert draw_sheet(samples[:1], scores).dtype == np.uint8


def test_a_frontier_leaves_out_photographs_without_a_direction(study, scorers):
    bare = [replace(probe, target=None, exact_mask=None) for probe in study.probes]
    sweep = sweep_edits(study)
    swept = sorted({edit.probe_id for edit in sweep["baseline"] if edit.kind == "sweep" and "unseen" in edit.probe_id})

    def points(unread: list[str]) -> pd.DataFrame:
        probes = [lengthen(probe) if probe.probe_id in unread else probe for probe in bare]
        samples = join_samples(probes, study.zones, sweep)
        return score_sweep(join_sweep(samples, sweep), prepare_sources(samples, scorers, 8), scorers, 8)

    some, all_read = points(swept[:1]), points([])
    without = all_read[all_read["probe_id"] != swept[0]]
    assert some["success"].isna().sum() == 3 * 2
    found, expected = (summarise_frontiers(table, 50, 0)["unseen"] for table in (some, without))
    assert found.pop("left_out") == 1
    assert found["gain"]["area"]["mean"] == pytest.approx(expected["gain"]["area"]["mean"], abs=1e-4)
    assert found["gain"]["area"]["n"] == len(swept) - 1
    assert set(tabulate_frontiers(some).query("domain == 'unseen'")["n"]) == {len(swept) - 1}
    assert summarise_frontiers(points(swept), 50, 0)["unseen"] == {"left_out": len(swept)}
