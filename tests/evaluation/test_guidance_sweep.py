"""Scores of swept edits and no-ops against the metrics one at a time, for renderings and photographs."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from fixtures_edits import Study
from fixtures_sweeps import NOOP_CHANGE, sweep_edits

from atelier.common.records import Edit
from atelier.evaluation.batches import Scorers, Sources, prepare_sources
from atelier.evaluation.guidance_sweep import POINTS, score_sweep
from atelier.evaluation.samples import Sample, join_noops, join_samples, join_sweep
from atelier.evaluation.score import NOOPS, score_noops
from atelier.images.tensors import from_png, mask_tensor, to_tensor
from atelier.metrics import leakage
from atelier.metrics.clip import directional

SHIFT = 0.01  # error of the test's "autoencoder" at every pixel


@pytest.fixture(scope="module")
def scorers(scorers: Scorers) -> Scorers:
    return replace(scorers, reconstruct=lambda pictures: (pictures + SHIFT).clamp(0, 1))


@pytest.fixture(scope="module")
def edits(study: Study) -> dict[str, list[Edit]]:
    return sweep_edits(study)


@pytest.fixture(scope="module")
def samples(study: Study, edits) -> list[Sample]:
    """Return a rendered seen domain and an unseen domain without exact targets, like photographs."""
    bare = {"seen": {}, "unseen": {"target": None, "exact_mask": None}}
    return join_samples([replace(probe, **bare[probe.domain]) for probe in study.probes], study.zones, edits)


@pytest.fixture(scope="module")
def sources(samples, scorers) -> Sources:
    return prepare_sources(samples, scorers, 5)


@pytest.fixture(scope="module")
def points(samples, edits, sources, scorers):
    return score_sweep(join_sweep(samples, edits), sources, scorers, 3)


def tensor(png: bytes) -> torch.Tensor:
    return to_tensor(from_png(png)[None].copy())


def test_the_sweep_has_a_row_per_point_model_and_probe_and_without_one_there_are_none(points, sources, scorers):
    assert list(points.columns) == POINTS
    assert len(points) == 3 * 2 * 8
    assert not points.duplicated(["probe_id", "model", "guidance_text", "guidance_image"]).any()
    assert points[["success", "preservation"]].stack().between(0, 1).all()
    assert list(score_sweep({}, sources, scorers, 4).columns) == POINTS


def swept(points, samples, edits, domain: str, text: float) -> Iterator[tuple]:
    """Yield the row, sample and edit of every probe and model of a domain at one guidance scale of the text."""
    sample_of = {sample.probe.probe_id: sample for sample in samples}
    made = [edit for rows in edits.values() for edit in rows if edit.kind == "sweep" and edit.guidance_text == text]
    png_of = {(edit.model, edit.probe_id): edit.edited for edit in made}
    for row in points[(points["domain"] == domain) & (points["guidance_text"] == text)].itertuples():
        yield row, sample_of[row.probe_id], png_of[row.model, row.probe_id]


def test_rendered_edits_are_scored_by_the_exact_target(points, samples, edits):
    for row, sample, png in swept(points, samples, edits, "seen", 2.0):
        probe = sample.probe
        source, target, edited = (tensor(one)[0].double() for one in (probe.source, probe.target, png))
        garment = mask_tensor([probe.exact_mask])[0, 0] > 0
        error = [(one - target)[:, garment].square().mean().sqrt().item() for one in (edited, source)]
        assert row.success == pytest.approx(1 - min(1, error[0] / error[1]), abs=1e-4)
        floor = ((source + SHIFT).clamp(0, 1) - source).abs().mean(0)
        change = ((edited - source).abs().mean(0) - floor).clamp_min(0)
        rest = ~garment & (source == target).all(0)
        asked = (target - source).abs().mean(0)[garment].mean()
        assert row.preservation == pytest.approx(1 - min(1, (change[rest].mean() / asked).item()), abs=1e-4)
    finetuned = points.query("domain == 'seen' and model == 'finetuned'").groupby("guidance_text")["success"].mean()
    assert finetuned[0.4] < finetuned[2.0] < finetuned[1.2]  # too little, too much, as requested


def test_photographs_are_scored_by_direction_and_leakage_density(points, samples, edits, scorers):
    for row, sample, png in swept(points, samples, edits, "unseen", 0.4):
        source, edited = tensor(sample.probe.source), tensor(png)
        captions = sample.probe.source_caption, sample.probe.target_caption
        texts = [scorers.clip.text_features([text]) for text in captions]
        score = directional(*map(scorers.clip.image_features, (source, edited)), *texts).item()
        assert row.success == pytest.approx(max(0, score), abs=1e-3)
        floor = leakage.change_map(source, scorers.reconstruct(source))
        tight = mask_tensor([sample.zones.tight])
        density = leakage.leakage_density(leakage.change_map(source, edited, floor), tight).item()
        assert row.preservation == pytest.approx(1 - min(1, density), abs=1e-4)


def test_no_ops_are_scored_by_the_change_above_the_floor(samples, edits, sources, scorers):
    noops = score_noops(join_noops(samples, edits), sources, scorers, 5)
    assert list(noops.columns) == NOOPS
    assert len(noops) == 2 * 12
    means = noops.groupby("model")[["change", "lpips"]].mean()
    for model, levels in NOOP_CHANGE.items():
        assert means["change"][model] == pytest.approx(max(levels / 255 - SHIFT, 0), abs=0.005)
    assert means["lpips"]["finetuned"] < means["lpips"]["baseline"]
    assert list(score_noops([], sources, scorers, 4).columns) == NOOPS
