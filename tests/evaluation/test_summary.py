"""Summary of the scores: known edits are ranked correctly; the report is complete and reproducible."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fixtures_scoring import score

from atelier.evaluation.references import REFERENCES
from atelier.evaluation.summary import headline, summarise, summarise_noops
from atelier.metrics.registry import MODELS


@pytest.fixture(scope="module")
def report(scores: pd.DataFrame) -> dict:
    return summarise(scores, draws=500, seed=7)


def means(report: dict, domain: str, measure: str) -> dict[str, float]:
    estimates = {model: report[domain][model].get(measure) for model in MODELS}
    return {model: estimate["mean"] for model, estimate in estimates.items() if estimate}


@pytest.mark.parametrize("domain", ["seen", "unseen"])
def test_known_edits_are_ranked_correctly_and_the_copy_preserves_and_edits_nothing(report, domain):
    """Compare exact target, near-exact edit, flooded image and copy on the metrics that separate them."""
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
    copy = {measure: estimate["mean"] for measure, estimate in report[domain]["copy"].items()}
    assert copy["ssim"] == 1
    assert copy["lpips"] == copy["clip_directional"] == copy["right_garment"] == 0
    assert copy["image_similarity"] == pytest.approx(100)


def gain_of(scores: pd.DataFrame, measure: str):
    """Return the expected gain: the mean of the paired differences."""
    table = scores.pivot(index="probe_id", columns="model", values=measure)
    return pytest.approx((table["finetuned"] - table["baseline"]).mean(), rel=1e-4)


def test_gains_are_means_of_paired_differences_also_of_each_factor(scores, report):
    estimate = report["unseen"]["gain"]["lpips_outside"]
    assert estimate["mean"] == gain_of(scores[scores["domain"] == "unseen"], "lpips_outside")
    assert estimate["ci_lo"] < estimate["mean"] < estimate["ci_hi"] < 0
    assert (estimate["n"], estimate["clusters"]) == (24, 6)
    assert estimate["p"] <= estimate["p_holm"] <= 1
    over_copy = report["unseen"]["gain_over_copy"]
    assert set(over_copy) == {"target_mae", "target_rmse", "target_lpips"}
    assert over_copy["target_mae"]["mean"] < 0
    for factor in ("colour", "pattern"):
        gain = report["seen"][factor]["gain"]
        part = scores[(scores["domain"] == "seen") & (scores["factor"] == factor)]
        assert (gain["target_mae"]["mean"], gain["target_mae"]["n"]) == (gain_of(part, "target_mae"), 12)
        assert ("delta_e" in gain) == (factor == "colour")
    seen = scores[scores["domain"] == "seen"]
    assert list(report["seen"]["prompts"]) == sorted(seen["prompt"].unique())
    for prompt, part in report["seen"]["prompts"].items():
        edits = seen[seen["prompt"] == prompt]
        assert part["probes"] == edits["probe_id"].nunique()
        assert part["gain"]["target_mae"]["mean"] == gain_of(edits, "target_mae")
        assert ("delta_e" in part["gain"]) == (edits["factor"].iloc[0] == "colour")


def _directions(finetuned: float, baseline: float) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for number, noise in enumerate(rng.normal(0, 1, 20)):
        facts = {"probe_id": f"p{number:02d}", "domain": "seen", "source_id": f"s{number:02d}", "prompt": "x"}
        facts |= {"factor": "colour", "target_mae": 0.1, "target_rmse": 0.1, "target_lpips": 0.1}
        for model, value in (("finetuned", finetuned), ("baseline", baseline), ("copy", 0.0), ("target", 20.0)):
            rows.append(facts | {"model": model, "clip_directional": value + noise})
    return pd.DataFrame(rows)


def test_ratios_of_directional_similarity_without_that_to_zero():
    domain = summarise(_directions(15.0, 10.0), draws=500, seed=0)["seen"]
    assert domain["directional_ratio"]["mean"] == pytest.approx(1.5, abs=0.05)
    assert domain["directional_ratio"]["ci_lo"] < 1.5 < domain["directional_ratio"]["ci_hi"]
    assert domain["directional_of_target"]["mean"] == pytest.approx(0.75, abs=0.05)
    domain = summarise(_directions(15.0, 0.0), draws=500, seed=0)["seen"]
    assert "directional_ratio" not in domain
    assert "directional_of_target" in domain


def test_photographs_have_no_target_and_no_metric_against_one(study, scorers):
    bare = {"seen": {}, "unseen": {"target": None, "exact_mask": None, "other_mask": None}}
    probes = [replace(probe, **bare[probe.domain]) for probe in study.probes]
    report = summarise(score(study, scorers, 16, probes), draws=100, seed=0)
    assert "target" in report["seen"]
    unseen = report["unseen"]
    assert (report["seen"]["rendered"], unseen["rendered"]) == (True, False)
    assert list(report["seen"]["oracles"]) == list(REFERENCES)
    numbers = {name: estimates["ssim"]["n"] for name, estimates in unseen["oracles"].items()}
    assert numbers == {"picture_tint": 12, "box_tint": 12, "other_item": 24}
    assert not {"target", "gain_over_copy", "directional_of_target"} & set(unseen)
    assert not {"target_mae", "target_rmse", "target_lpips", "right_garment"} & set(unseen["finetuned"])
    assert "lpips_outside" in unseen["gain"]


def parts(value: object) -> Iterator[object]:
    """Yield a nested value, and every value in it."""
    yield value
    for part in value.values() if isinstance(value, dict) else ():
        yield from parts(part)


def test_the_report_is_rounded_json_and_reproducible(scores, report):
    shuffled = scores.sample(frac=1, random_state=3).sort_values("domain", kind="stable")
    assert json.dumps(report, allow_nan=False) == json.dumps(summarise(shuffled, 500, 7), allow_nan=False)
    leaves = [part for part in parts(report) if not isinstance(part, dict)]
    assert all(isinstance(leaf, int | float) and float(f"{leaf:.6g}") == leaf for leaf in leaves)


def test_every_estimate_has_its_numbers_of_edits_and_clusters(report):
    found = [part for part in parts(report) if isinstance(part, dict) and "ci_lo" in part]
    assert len(found) > 300
    assert all(0 < estimate["clusters"] <= estimate["n"] for estimate in found)
    assert report["seen"]["finetuned"]["ssim"] | {"n": 24, "clusters": 6} == report["seen"]["finetuned"]["ssim"]
    assert not set(REFERENCES) & set(report["seen"])


def test_no_ops_are_compared_by_source():
    rng = np.random.default_rng(0)
    rows = []
    for n, (model, level) in itertools.product(range(10), (("baseline", 0.3), ("finetuned", 0.1))):
        rows.append(("seen", f"s{n}", f"s{n}-0", model, level + rng.normal(0, 0.01), 1.0))
    noops = pd.DataFrame(rows, columns=["domain", "source_id", "probe_id", "model", "change", "lpips"])
    report = summarise_noops(noops, draws=500, seed=0)["seen"]
    assert report["baseline"]["change"]["mean"] == pytest.approx(0.3, abs=0.01)
    assert report["gain"]["change"]["mean"] == pytest.approx(-0.2, abs=0.02)
    assert report["gain"]["change"]["ci_hi"] < 0
    assert report["gain"]["lpips"]["p"] == 1
    assert summarise_noops(noops.iloc[:0], 100, 0) == {}


def test_the_headline_has_both_editors_key_measures_in_the_paper_s_order(report):
    short = headline({"networks": {"clip": "x"}, "probes_without_zone": 0, **report})
    names = ["clip", "dir", "lpips", "ssim", "leakage", "rmse"]
    assert {domain: list(part) for domain, part in short.items()} == {
        "seen": names, "unseen": names, "baseline": ["seen", "unseen"],
    }  # fmt: skip
    assert list(short["baseline"]["unseen"]) == names[:-1]
    assert short["seen"]["dir"] == float(f"{report['seen']['finetuned']['clip_directional']['mean']:.4g}")
    assert short["baseline"]["seen"]["leakage"] == float(f"{report['seen']['baseline']['leakage_share']['mean']:.4g}")
