"""Scores and their summary: known edits must rank as they must, and the report must be complete and reproducible."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from fixtures_edits import Study

from atelier.errors import UserError
from atelier.evaluation import measures_of, summarise
from atelier.measures.clip import ClipScorer
from atelier.measures.perceptual import Lpips
from atelier.scoring import MODELS, Scorers, join_cases, score_cases


@pytest.fixture(scope="module")
def scorers(tiny_clip_folder, tiny_features_folder) -> Scorers:
    clip, lpips = ClipScorer.load(str(tiny_clip_folder)), Lpips.load(str(tiny_features_folder))
    return Scorers(clip, lpips, lambda pictures: pictures, torch.device("cpu"))


@pytest.fixture(scope="module")
def scores(study: Study, scorers: Scorers) -> pd.DataFrame:
    return score_cases(join_cases(study.probes, study.zones, study.edits), scorers, batch_size=16)


@pytest.fixture(scope="module")
def report(scores: pd.DataFrame) -> dict:
    return summarise(scores, draws=500, seed=7)


def means(report: dict, domain: str, measure: str) -> dict[str, float]:
    cells = {model: report[domain][model].get(measure) for model in MODELS}
    return {model: cell["mean"] for model, cell in cells.items() if cell}


@pytest.mark.parametrize("domain", ["seen", "unseen"])
def test_known_edits_rank_as_they_must(report, domain):
    """Exact target, near-exact edit, flooded picture and untouched copy, on what tells them apart."""
    for measure in ("lpips_outside", "leakage_share", "leakage_density"):
        found = means(report, domain, measure)
        assert found["copy"] == found["composite"] == 0
        assert found["target"] < found["finetuned"] < found["baseline"], measure
    for measure in ("psnr_outside", "ssim_outside"):
        found = means(report, domain, measure)
        assert found["copy"] >= found["target"] > found["finetuned"] > found["baseline"], measure
    for measure in ("target_mae", "target_rmse", "target_lpips"):
        found = means(report, domain, measure)
        assert found["target"] == 0
        assert found["finetuned"] < found["copy"] < found["baseline"], measure
    colour = means(report, domain, "delta_e")
    assert colour["target"] <= colour["finetuned"] + 1 < colour["copy"]
    assert means(report, domain, "right_garment")["target"] == 1


@pytest.mark.parametrize("domain", ["seen", "unseen"])
def test_the_copy_is_perfect_in_preservation_and_edits_nothing(report, domain):
    copy = {measure: cell["mean"] for measure, cell in report[domain]["copy"].items()}
    assert copy["ssim"] == 1
    assert copy["lpips"] == copy["clip_directional"] == copy["right_garment"] == 0
    assert copy["image_similarity"] == pytest.approx(100)


def test_measures_are_defined_only_where_they_mean_something(scores, study):
    others = {probe.probe_id for probe in study.probes if probe.other_mask}
    assert (scores["delta_e"].notna() == (scores["factor"] == "colour")).all()
    assert (scores["right_garment"].notna() == scores["probe_id"].isin(others)).all()
    rest = [name for name in measures_of(scores) if name not in ("delta_e", "right_garment")]
    assert scores[rest].notna().all().all()
    assert len(scores) == len(study.probes) * len(MODELS)


def test_batches_do_not_matter(study, scorers, scores):
    again = score_cases(join_cases(study.probes, study.zones, study.edits), scorers, batch_size=7)
    order = ["probe_id", "model"]
    one, other = (table.sort_values(order, ignore_index=True) for table in (scores, again))
    pd.testing.assert_frame_equal(one, other, atol=2e-3, rtol=1e-3)


def test_a_gain_is_the_mean_of_the_paired_differences(scores, report):
    part = scores[scores["domain"] == "unseen"].pivot(index="probe_id", columns="model", values="lpips_outside")
    cell = report["unseen"]["gain"]["lpips_outside"]
    assert cell["mean"] == pytest.approx((part["finetuned"] - part["baseline"]).mean(), rel=1e-4)
    assert cell["ci_lo"] < cell["mean"] < cell["ci_hi"] < 0
    assert (cell["n"], cell["clusters"]) == (24, 6)
    assert cell["p"] <= cell["p_holm"] <= 1
    over_copy = report["unseen"]["gain_over_copy"]
    assert set(over_copy) == {"target_mae", "target_rmse", "target_lpips"}
    assert over_copy["target_mae"]["mean"] < 0


def test_each_factor_has_its_own_gains(scores, report):
    for factor in ("colour", "pattern"):
        part = scores[(scores["domain"] == "seen") & (scores["factor"] == factor)]
        table = part.pivot(index="probe_id", columns="model", values="target_mae")
        cell = report["seen"][factor]["gain"]["target_mae"]
        assert cell["mean"] == pytest.approx((table["finetuned"] - table["baseline"]).mean(), rel=1e-4)
        assert cell["n"] == 12
    assert "delta_e" in report["seen"]["colour"]["gain"]
    assert "delta_e" not in report["seen"]["pattern"]["gain"]


def _directions(finetuned: float, baseline: float) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for number in range(20):
        noise = rng.normal(0, 1)
        for model, value in (("finetuned", finetuned), ("baseline", baseline), ("copy", 0.0), ("target", 20.0)):
            facts = {"probe_id": f"p{number:02d}", "domain": "seen", "source_id": f"s{number:02d}", "prompt": "x"}
            values = {"clip_directional": value + noise, "target_mae": 0.1, "target_rmse": 0.1, "target_lpips": 0.1}
            rows.append(facts | {"factor": "colour", "model": model} | values)
    return pd.DataFrame(rows)


def test_ratios_of_directional_similarity():
    domain = summarise(_directions(15.0, 10.0), draws=500, seed=0)["seen"]
    assert domain["directional_ratio"]["mean"] == pytest.approx(1.5, abs=0.05)
    assert domain["directional_ratio"]["ci_lo"] < 1.5 < domain["directional_ratio"]["ci_hi"]
    assert domain["directional_of_target"]["mean"] == pytest.approx(0.75, abs=0.05)


def test_a_ratio_to_nothing_is_left_out():
    domain = summarise(_directions(15.0, 0.0), draws=500, seed=0)["seen"]
    assert "directional_ratio" not in domain
    assert "directional_of_target" in domain


def test_photographs_have_no_target_and_no_measure_against_one(study, scorers):
    bare = [
        replace(probe, target=None, exact_mask=None, other_mask=None) if probe.domain == "unseen" else probe
        for probe in study.probes
    ]
    report = summarise(score_cases(join_cases(bare, study.zones, study.edits), scorers, 16), draws=100, seed=0)
    assert "target" in report["seen"]
    unseen = report["unseen"]
    assert "target" not in unseen
    assert "gain_over_copy" not in unseen
    assert "directional_of_target" not in unseen
    assert not {"target_mae", "target_rmse", "target_lpips", "right_garment"} & set(unseen["finetuned"])
    assert "lpips_outside" in unseen["gain"]


def test_the_report_is_json_of_scalars_rounded_and_reproducible(scores, report):
    shuffled = scores.sample(frac=1, random_state=3).sort_values("domain", kind="stable")
    assert json.dumps(report, allow_nan=False) == json.dumps(summarise(shuffled, 500, 7), allow_nan=False)

    def leaves(value: object) -> list:
        return [leaf for part in value.values() for leaf in leaves(part)] if isinstance(value, dict) else [value]

    assert all(isinstance(leaf, int | float) for leaf in leaves(report))
    assert all(float(f"{leaf:.6g}") == leaf for leaf in leaves(report))


def test_a_probe_without_zone_is_left_out_and_a_missing_edit_is_named(study):
    cases = join_cases(study.probes, study.zones[4:], study.edits)
    assert len(cases) == len(study.probes) - 4
    short = study.edits | {"finetuned": study.edits["finetuned"][1:]}
    with pytest.raises(UserError, match=f"finetuned edits: none of probe {study.probes[0].probe_id!r}"):
        join_cases(study.probes, study.zones, short)
    with pytest.raises(UserError, match="zones: none"):
        join_cases(study.probes, [], study.edits)
