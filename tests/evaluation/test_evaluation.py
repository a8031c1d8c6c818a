"""Scores and their summary: known edits are ranked correctly; the report is complete and reproducible."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from fixtures_edits import Study

from atelier.common.records import Probe
from atelier.evaluation.batches import Scorers, prepare_sources
from atelier.evaluation.references import REFERENCES
from atelier.evaluation.samples import join_samples
from atelier.evaluation.score import networks_of, score_samples
from atelier.evaluation.summary import headline, metrics_of, summarise, summarise_noops
from atelier.images.tensors import from_png, mask_tensor, to_tensor
from atelier.metrics import leakage, pixel, regions
from atelier.metrics.clip import ClipScorer, directional, similarity
from atelier.metrics.lpips import Lpips
from atelier.metrics.registry import MODELS


@pytest.fixture(scope="module")
def scorers(tiny_clip_folder, tiny_features_folder) -> Scorers:
    clip, lpips = ClipScorer.load(str(tiny_clip_folder)), Lpips.load(str(tiny_features_folder))
    return Scorers(clip, lpips, lambda pictures: pictures, torch.device("cpu"))


def score(study: Study, scorers: Scorers, batch_size: int, probes: list[Probe] | None = None) -> pd.DataFrame:
    samples = join_samples(probes or study.probes, study.zones, study.edits)
    return score_samples(samples, prepare_sources(samples, scorers, batch_size), scorers, batch_size)


@pytest.fixture(scope="module")
def scores(study: Study, scorers: Scorers) -> pd.DataFrame:
    return score(study, scorers, 16)


@pytest.fixture(scope="module")
def report(scores: pd.DataFrame) -> dict:
    return summarise(scores, draws=500, seed=7)


def means(report: dict, domain: str, measure: str) -> dict[str, float]:
    estimates = {model: report[domain][model].get(measure) for model in MODELS}
    return {model: estimate["mean"] for model, estimate in estimates.items() if estimate}


def test_scores_do_not_depend_on_the_other_models(study, scorers, scores):
    alone = join_samples(study.probes, study.zones, {"finetuned": study.edits["finetuned"]})
    found = score_samples(alone, prepare_sources(alone, scorers, 16), scorers, 16, controls=False)
    among = scores[scores["model"] == "finetuned"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found.reset_index(drop=True), among, rtol=1e-6)


@pytest.mark.parametrize("domain", ["seen", "unseen"])
def test_known_edits_are_ranked_correctly(report, domain):
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


@pytest.mark.parametrize("domain", ["seen", "unseen"])
def test_the_copy_preserves_perfectly_and_edits_nothing(report, domain):
    copy = {measure: estimate["mean"] for measure, estimate in report[domain]["copy"].items()}
    assert copy["ssim"] == 1
    assert copy["lpips"] == copy["clip_directional"] == copy["right_garment"] == 0
    assert copy["image_similarity"] == pytest.approx(100)


def test_metrics_are_defined_only_where_they_apply(scores, study):
    others = {probe.probe_id for probe in study.probes if probe.other_mask}
    faces = {probe.probe_id for probe in study.probes if (from_png(probe.face_mask) >= 128).any()}
    assert 0 < len(faces) < len(study.probes)
    partly = dict.fromkeys(("delta_e", "hue_error"), scores["factor"] == "colour")
    partly["pattern_recognised"] = scores["factor"] == "pattern"
    partly["right_garment"] = scores["probe_id"].isin(others)
    partly["face_change"] = scores["probe_id"].isin(faces)
    for name, defined in partly.items():
        assert (scores[name].notna() == defined).all(), name
    rest = [name for name in metrics_of(scores) if name not in partly]
    assert scores[rest].notna().all().all()
    assert len(scores) == len(study.probes) * (len(MODELS) + len(REFERENCES))


def test_scores_equal_the_metrics_computed_one_at_a_time(study, scorers, scores):
    """Compare the batched computation with each public function on one image."""
    probe = study.probes[2]
    made = {edit.probe_id: edit.edited for edit in study.edits["baseline"]}
    source, edited, target = (
        to_tensor(from_png(png)[None].copy()) for png in (probe.source, made[probe.probe_id], probe.target)
    )
    garment = mask_tensor([probe.exact_mask])
    row = scores[(scores["probe_id"] == probe.probe_id) & (scores["model"] == "baseline")].iloc[0]
    features = [scorers.clip.image_features(picture) for picture in (source, edited)]
    texts = [scorers.clip.text_features([text]) for text in (probe.source_caption, probe.target_caption)]
    layers = scorers.lpips.features(source), scorers.lpips.features(edited)
    maps = regions.compare(source, edited, garment, scorers.lpips, *layers)
    expected = regions.measure_regions(maps, {"outside": 1 - garment}) | {
        "clip_similarity": 100 * similarity(features[1], texts[1]),
        "clip_directional": 100 * directional(*features, *texts),
        "lpips": scorers.lpips.distance(source, edited),
        "ssim": pixel.ssim(source, edited),
        "leakage_share": leakage.leakage_share(leakage.change_map(source, edited), garment),
        "target_rmse": pixel.squared_error(edited, target).sqrt(),
        "target_lpips": scorers.lpips.distance(edited, target),
    }
    assert {name: row[name] for name in expected} == pytest.approx(
        {name: value.item() for name, value in expected.items()}, rel=1e-4, abs=1e-4
    )


def test_scores_do_not_depend_on_the_batch_size(study, scorers, scores):
    again = score(study, scorers, 7)
    order = ["probe_id", "model"]
    one, other = (table.sort_values(order, ignore_index=True) for table in (scores, again))
    pd.testing.assert_frame_equal(one, other, atol=2e-3, rtol=1e-3)


def test_a_gain_is_the_mean_of_the_paired_differences(scores, report):
    part = scores[scores["domain"] == "unseen"].pivot(index="probe_id", columns="model", values="lpips_outside")
    estimate = report["unseen"]["gain"]["lpips_outside"]
    assert estimate["mean"] == pytest.approx((part["finetuned"] - part["baseline"]).mean(), rel=1e-4)
    assert estimate["ci_lo"] < estimate["mean"] < estimate["ci_hi"] < 0
    assert (estimate["n"], estimate["clusters"]) == (24, 6)
    assert estimate["p"] <= estimate["p_holm"] <= 1
    over_copy = report["unseen"]["gain_over_copy"]
    assert set(over_copy) == {"target_mae", "target_rmse", "target_lpips"}
    assert over_copy["target_mae"]["mean"] < 0


def test_each_factor_has_its_own_gains(scores, report):
    for factor in ("colour", "pattern"):
        part = scores[(scores["domain"] == "seen") & (scores["factor"] == factor)]
        table = part.pivot(index="probe_id", columns="model", values="target_mae")
        estimate = report["seen"][factor]["gain"]["target_mae"]
        assert estimate["mean"] == pytest.approx((table["finetuned"] - table["baseline"]).mean(), rel=1e-4)
        assert estimate["n"] == 12
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


def test_a_ratio_to_zero_is_omitted():
    domain = summarise(_directions(15.0, 0.0), draws=500, seed=0)["seen"]
    assert "directional_ratio" not in domain
    assert "directional_of_target" in domain


def test_photographs_have_no_target_and_no_metric_against_one(study, scorers):
    bare = [
        replace(probe, target=None, exact_mask=None, other_mask=None) if probe.domain == "unseen" else probe
        for probe in study.probes
    ]
    report = summarise(score(study, scorers, 16, bare), draws=100, seed=0)
    assert "target" in report["seen"]
    unseen = report["unseen"]
    assert (report["seen"]["rendered"], unseen["rendered"]) == (True, False)
    assert list(report["seen"]["oracles"]) == list(REFERENCES)
    assert {name: estimates["ssim"]["n"] for name, estimates in unseen["oracles"].items()} == {
        "picture_tint": 12, "box_tint": 12, "other_item": 24,
    }  # fmt: skip
    assert "target" not in unseen
    assert "gain_over_copy" not in unseen
    assert "directional_of_target" not in unseen
    assert not {"target_mae", "target_rmse", "target_lpips", "right_garment"} & set(unseen["finetuned"])
    assert "lpips_outside" in unseen["gain"]


def test_the_report_is_rounded_json_and_reproducible(scores, report):
    shuffled = scores.sample(frac=1, random_state=3).sort_values("domain", kind="stable")
    assert json.dumps(report, allow_nan=False) == json.dumps(summarise(shuffled, 500, 7), allow_nan=False)

    def leaves(value: object) -> list:
        return [leaf for part in value.values() for leaf in leaves(part)] if isinstance(value, dict) else [value]

    assert all(isinstance(leaf, int | float) for leaf in leaves(report))
    assert all(float(f"{leaf:.6g}") == leaf for leaf in leaves(report))


def test_every_estimate_has_its_numbers_of_edits_and_clusters(report):
    def estimates(value: object) -> list[dict]:
        if not isinstance(value, dict):
            return []
        return [value] if "ci_lo" in value else [estimate for part in value.values() for estimate in estimates(part)]

    found = estimates(report)
    assert len(found) > 300
    assert all(0 < estimate["clusters"] <= estimate["n"] for estimate in found)
    assert report["seen"]["finetuned"]["ssim"] | {"n": 24, "clusters": 6} == report["seen"]["finetuned"]["ssim"]
    assert not set(REFERENCES) & set(report["seen"])


def test_no_ops_are_compared_by_source():
    rng = np.random.default_rng(0)
    rows = [
        ("seen", f"s{n}", f"s{n}-0", model, level + rng.normal(0, 0.01), 1.0)
        for n in range(10)
        for model, level in (("baseline", 0.3), ("finetuned", 0.1))
    ]
    noops = pd.DataFrame(rows, columns=["domain", "source_id", "probe_id", "model", "change", "lpips"])
    report = summarise_noops(noops, draws=500, seed=0)["seen"]
    assert report["baseline"]["change"]["mean"] == pytest.approx(0.3, abs=0.01)
    assert report["gain"]["change"]["mean"] == pytest.approx(-0.2, abs=0.02)
    assert report["gain"]["change"]["ci_hi"] < 0
    assert report["gain"]["lpips"]["p"] == 1
    assert summarise_noops(noops.iloc[:0], 100, 0) == {}


def test_the_headline_has_a_few_rounded_numbers(report):
    area = {"mean": 0.123456, "ci_lo": 0.1, "ci_hi": 0.2, "n": 4, "clusters": 4}
    swept = report["seen"] | {"frontier": {"finetuned": {"area": area}, "gain": {"area": area | {"p": 0.01}}}}
    short = headline({"networks": {"clip": "x"}, "probes_without_zone": 0, "seen": swept, "unseen": report["unseen"]})
    names = ["directional", "clip", "lpips_outside", "leakage_share", "target_rmse"]
    assert list(short) == ["seen", "unseen"]
    assert list(short["seen"]) == [*names, "frontier", "gain"]
    assert list(short["unseen"]) == [*names, "gain"]
    assert short["seen"]["frontier"] == short["seen"]["gain"]["frontier"] == 0.1235
    assert short["seen"]["clip"] == float(f"{report['seen']['finetuned']['clip_similarity']['mean']:.4g}")
    assert short["seen"]["gain"]["directional"] == float(f"{report['seen']['gain']['clip_directional']['mean']:.4g}")


def test_metrics_name_the_networks_they_depend_on(scores):
    found = networks_of(metrics_of(scores))
    assert found["clip_inside_box"] == found["pattern_recognised"] == "clip"
    assert found["target_lpips"] == "lpips"
    assert found["lpips_context_above_floor"] == "lpips + leakage_floor"
    pure = {"ssim", "psnr_outside", "ssim_outside", "mse_outside", "target_mae", "target_rmse", "delta_e", "hue_error"}
    assert set(metrics_of(scores)) - set(found) == pure | {"change_inside"}
