"""Scores of every edit against the metrics one at a time."""

import pandas as pd
import pytest
from fixtures_scoring import score

from atelier.evaluation.batches import prepare_sources
from atelier.evaluation.references import REFERENCES
from atelier.evaluation.samples import join_samples
from atelier.evaluation.score import networks_of, score_samples
from atelier.evaluation.summary import metrics_of
from atelier.images.tensors import from_png, mask_tensor, to_tensor
from atelier.metrics import leakage, pixel, regions
from atelier.metrics.clip import directional, similarity
from atelier.metrics.registry import MODELS


def test_scores_depend_neither_on_the_other_models_nor_on_the_batch_size(study, scorers, scores):
    alone = join_samples(study.probes, study.zones, {"finetuned": study.edits["finetuned"]})
    found = score_samples(alone, prepare_sources(alone, scorers, 16), scorers, 16, controls=False)
    among = scores[scores["model"] == "finetuned"]
    pd.testing.assert_frame_equal(found.reset_index(drop=True), among.reset_index(drop=True), rtol=1e-6)
    tables = scores, score(study, scorers, 7)
    one, other = (table.sort_values(["probe_id", "model"], ignore_index=True) for table in tables)
    pd.testing.assert_frame_equal(one, other, atol=2e-3, rtol=1e-3)


def test_metrics_are_defined_only_where_they_apply(scores, study):
    others = {probe.probe_id for probe in study.probes if probe.other_mask}
    faces = {probe.probe_id for probe in study.probes if (from_png(probe.face_mask) >= 128).any()}
    assert 0 < len(faces) < len(study.probes)
    partly = dict.fromkeys(("delta_e", "hue_error"), scores["factor"] == "colour")
    partly["pattern_recognised"] = scores["factor"] == "pattern"
    partly["target_similarity"] = scores["domain"] == "test_triplets"
    partly["right_garment"] = scores["probe_id"].isin(others)
    partly["face_change"] = scores["probe_id"].isin(faces)
    for name, defined in partly.items():
        assert (scores[name].notna() == defined).all(), name
    rest = [name for name in metrics_of(scores) if name not in partly]
    assert scores[rest].notna().all().all()
    assert len(scores) == len(study.probes) * (len(MODELS) + len(REFERENCES))


def test_scores_equal_the_metrics_computed_one_at_a_time(study, scorers, scores):
    """Compare the batched computation with each public function on one image."""
    probe, made = study.probes[2], study.edits["baseline"][2].edited
    source, edited, target = (to_tensor(from_png(png)[None].copy()) for png in (probe.source, made, probe.target))
    garment = mask_tensor([probe.exact_mask])
    row = scores[(scores["probe_id"] == probe.probe_id) & (scores["model"] == "baseline")].iloc[0]
    features = [scorers.clip.image_features(picture) for picture in (source, edited)]
    texts = [scorers.clip.text_features([text]) for text in (probe.source_caption, probe.target_caption)]
    maps = regions.compare(source, edited, garment, scorers.lpips, *map(scorers.lpips.features, (source, edited)))
    expected = regions.measure_regions(maps, {"outside": 1 - garment}) | {
        "clip_similarity": 100 * similarity(features[1], texts[1]),
        "clip_directional": 100 * directional(*features, *texts),
        "lpips": scorers.lpips.distance(source, edited),
        "ssim": pixel.ssim(source, edited),
        "leakage_share": leakage.leakage_share(leakage.change_map(source, edited), garment),
        "leakage_share_raw": leakage.leakage_share(leakage.change_map(source, edited), garment),
        "target_mae": (edited - target).abs().mean((1, 2, 3)),
        "target_rmse": pixel.squared_error(edited, target).sqrt(),
        "target_lpips": scorers.lpips.distance(edited, target),
    }
    expected = {name: value.item() for name, value in expected.items()}
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_metrics_name_the_networks_they_depend_on(scores):
    found = networks_of(metrics_of(scores))
    assert found["clip_inside_box"] == found["pattern_recognised"] == "clip"
    assert found["target_lpips"] == "lpips"
    assert found["lpips_context_above_floor"] == "lpips + leakage_floor"
    pure = {"ssim", "psnr_outside", "ssim_outside", "mse_outside", "target_mae", "target_rmse", "delta_e", "hue_error"}
    assert set(metrics_of(scores)) - set(found) == pure | {"change_inside", "leakage_share_raw"}
