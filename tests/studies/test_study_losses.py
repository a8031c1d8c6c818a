"""The study's arithmetic on scores whose differences are known."""

import numpy as np
import pandas as pd
import pytest
from import_graph import ROOT
from ruamel.yaml import YAML
from scipy import stats

from atelier.config import read_params
from studies.losses.contrasts import MEASURES, arm_table, contrast, level
from studies.losses.report import LOSSES, METHODS, PAIRS, all_contrasts, single_runs, write_tables
from studies.losses.train import parse_changes

PLAN = YAML(typ="safe").load(ROOT / "studies/losses/params.yaml")
SOURCES = [f"{number:03d}" for number in range(24)]


def runs(arm: str, shift: float = 0.0, seeds: int = 3, wobble: tuple[float, ...] = (0.0, 0.0, 0.0)) -> pd.DataFrame:
    """Scores of an arm: a source's own level, `shift` for all, `wobble` by seed; the same noise for every arm."""
    tables = []
    for seed in range(1, seeds + 1):
        noise = np.random.default_rng(seed).normal(0, 0.1, (2, len(SOURCES), len(MEASURES)))
        for values, domain in zip(noise, ("seen", "unseen"), strict=True):
            values += np.arange(len(SOURCES))[:, None] + shift + wobble[seed - 1]
            table = pd.DataFrame(values, columns=[*MEASURES])
            tables.append(table.assign(run=f"{arm}-{seed}", domain=domain, source_id=SOURCES))
    return pd.concat(tables, ignore_index=True)


def test_an_arm_holds_its_own_runs_only():
    scores = pd.concat([runs("full-3"), runs("full"), runs("trimap-half")])
    assert arm_table(scores, "full-3", "seen").shape == (3, 24, len(MEASURES))
    with pytest.raises(ValueError, match="no run of lora"):
        arm_table(scores, "lora", "seen")
    with pytest.raises(ValueError, match="source images"):
        arm_table(scores.iloc[1:], "full-3", "seen")


def test_a_contrast_is_paired_by_seed_and_image_and_needs_seeds_that_agree():
    scores = pd.concat([runs("one", 0.3, wobble=(0.0, 0.1, -0.1)), runs("other")])
    found = {one.measure: one for one in contrast(scores, [("one", "other")], "unseen")}
    assert list(found) == list(MEASURES)
    for measure, one in found.items():
        assert one.mean == pytest.approx(0.3, abs=1e-9)  # noise and levels cancel
        assert one.seed_sd == pytest.approx(0.1, abs=1e-9)
        assert (one.agree, one.seeds, one.clusters) == (3, 3, 24)
        assert one.verdict == ("better" if MEASURES[measure].better > 0 else "worse")
    scores = pd.concat([runs("one", 0.1, wobble=(0.5, -0.4, 0.2)), runs("other")])
    assert {one.verdict for one in contrast(scores, [("one", "other")], "seen")} == {"–"}  # the seeds disagree


def test_an_interval_over_images_agrees_with_the_t_interval():
    one, noise = runs("one"), np.random.default_rng(5).normal(0.02, 0.5, len(SOURCES))
    one[next(iter(MEASURES))] += np.tile(noise, 6)
    (found, *_) = contrast(pd.concat([one, runs("other")]), [("one", "other")], "seen")
    low, high = stats.t.interval(0.95, len(noise) - 1, noise.mean(), stats.sem(noise))
    assert found.mean == pytest.approx(noise.mean(), abs=1e-9)
    assert (found.ci_lo, found.ci_hi) == pytest.approx((low, high), abs=0.04)
    assert found.verdict == "–"


def test_holm_is_over_all_contrasts_computed_together():
    scores = pd.concat([runs(name, shift) for name, shift in (("a", 0.3), ("b", 0.2), ("c", 0.0))])
    alone, together = (contrast(scores, pairs, "seen")[0] for pairs in ([("a", "c")], [("a", "c"), ("b", "c")]))
    assert together.p_holm == pytest.approx(2 * alone.p_holm)


def test_arms_are_compared_on_the_seeds_that_both_have():
    scores = pd.concat([runs("one", 0.2, seeds=2), runs("other", wobble=(0.0, 0.0, 50.0))])
    (found, *_) = contrast(scores, [("one", "other")], "seen")
    assert (found.seeds, found.mean) == (2, pytest.approx(0.2))
    with pytest.raises(ValueError, match="no run of one"):
        contrast(scores[~scores["run"].isin(["other-1", "other-2"])], [("one", "other")], "seen")


def test_a_level_is_the_mean_over_runs_and_the_deviation_between_them():
    scores = runs("one", wobble=(0.0, 1.0, 2.0))
    mean, spread = level(scores, "one", "seen")["clip_directional"]
    column = scores[scores["domain"] == "seen"].groupby("run")["clip_directional"].mean()
    assert (mean, spread) == (pytest.approx(column.mean()), pytest.approx(column.std()))


def test_a_metric_that_some_images_lack_is_compared_on_the_others():
    scores = pd.concat([runs("one", 0.5), runs("other")])
    scores.loc[scores["source_id"] < "004", "delta_e"] = np.nan
    found = {c.measure: c for c in contrast(scores, [("one", "other")], "seen")}
    assert found["delta_e"].clusters == 20
    assert found["delta_e"].mean == pytest.approx(0.5, abs=1e-9)


def test_the_plan_has_every_run_that_the_report_reads_and_every_change_is_a_parameter():
    names = set(PLAN["runs"])
    losses = {f"{loss}-{kind}" for loss in LOSSES for kind in PAIRS}
    wanted = {f"{arm}-{seed}" for arm in losses for seed in (1, 2, 3)}
    wanted |= {f"{arm}-{seed}" for arm in set(METHODS.values()) - losses for seed in (1, 2)}
    assert names - set(single_runs(pd.DataFrame({"run": list(names)}))) == wanted
    assert {run["pairs"] for run in PLAN["runs"].values()} <= PLAN["pairs"].keys()
    for text in (*(run["set"] for run in PLAN["runs"].values()), *PLAN["pairs"].values()):
        read_params(ROOT / "params.yaml", parse_changes(text))


def test_the_report_has_a_table_for_each_question():
    grid = single_runs(pd.DataFrame({"run": list(PLAN["runs"])}))
    assert len(grid) == 6
    arms = sorted({f"{loss}-{kind}" for loss in LOSSES for kind in PAIRS} | set(METHODS.values()))
    scores = [runs(arm, 0.01 * number) for number, arm in enumerate(arms)]
    table = pd.concat([*scores, *(runs(name, seeds=1).assign(run=name) for name in grid)])
    assert write_tables(table, grid).count("\n## ") == 8
    found = all_contrasts(table, grid)
    assert set(found["table"]) == {"losses", "pairs", "weights", "methods"}
    assert len(found) == 2 * len(MEASURES) * (9 + 9 + 6 + 4)
