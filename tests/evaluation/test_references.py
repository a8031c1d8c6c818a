"""Reference edits: their images, and that the metrics rank them correctly."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fixtures_edits import Study, build_study
from import_graph import ROOT
from scipy.ndimage import distance_transform_cdt

from atelier.config import read_params
from atelier.evaluation.batches import Scorers, prepare_sources
from atelier.evaluation.evaluate import load_scorers
from atelier.evaluation.guidance_sweep import score_sweep
from atelier.evaluation.references import (
    REFERENCES,
    SPILL,
    STRENGTH,
    make_references,
    other_pictures,
    requested_fabric,
    spill,
)
from atelier.evaluation.samples import Sample, join_samples
from atelier.evaluation.score import score_samples
from atelier.images.boxes import box_of
from atelier.images.tensors import from_png, to_png
from atelier.text.colours import COLOURS_RGB
from atelier.world.fabrics import CLOTH_RGB

NO_SUCCESS = ("copy", "other_item")
ORDER = {  # metrics → best first; those of a tuple are equivalent
    "leakage_share leakage_density": ["copy", "target", "dilated", "box_tint", ("picture_tint", "other_item")],
    "lpips_outside ssim_outside": ["copy", "target", ("dilated", "box_tint"), ("picture_tint", "other_item")],
    "psnr_outside_above_floor mse_context_above_floor lpips_context_above_floor ssim_background_above_floor "
    "face_change": [("copy", "target"), ("dilated", "box_tint"), ("picture_tint", "other_item")],
    "mse_background_above_floor": [("copy", "target", "dilated", "box_tint"), ("picture_tint", "other_item")],
    "target_rmse target_lpips": ["target", "dilated", "box_tint", ("picture_tint", "other_item")],
    "clip_directional": ["target", "dilated", "box_tint", "picture_tint", NO_SUCCESS],
    "clip_similarity": ["target", "dilated", "box_tint", "picture_tint", "other_item"],
    "delta_e hue_error pattern_recognised": [("target", "dilated"), ("box_tint", "picture_tint"), NO_SUCCESS],
    "right_garment": [("target", "dilated", "box_tint"), ("picture_tint", "other_item"), "copy"],
    "change_inside": [("target", "dilated", "other_item"), ("box_tint", "picture_tint"), "copy"],
}
ORDER = {metric: order for metrics, order in ORDER.items() for metric in metrics.split()}
HIGHER = ["ssim_outside", "clip_directional", "clip_similarity", "pattern_recognised", "right_garment", "change_inside"]
ALIKE = 0.02  # tolerance between neighbours, as a share of the metric's range over them


@pytest.fixture(scope="module")
def scorers() -> Scorers:
    models = read_params(ROOT / "params.yaml").models
    folders = {name: str(ROOT / getattr(models, name)) for name in ("editor", "clip", "lpips")}
    return load_scorers(models.model_copy(update=folders | {"device": "cpu"}))


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    study = build_study(("unseen",), pictures=4)
    return join_samples(study.probes, study.zones, study.edits)


@pytest.fixture(scope="module")
def means(samples, scorers) -> pd.DataFrame:
    scores = score_samples(samples, prepare_sources(samples, scorers, 32), scorers, 32)
    return scores.groupby("model")[list(ORDER)].mean()


@pytest.mark.parametrize("measure", ORDER)
def test_metrics_rank_reference_edits_correctly(measure, means):
    groups = [[names] if isinstance(names, str) else list(names) for names in ORDER[measure]]
    values = means[measure] * (1 if measure in HIGHER else -1)
    assert values.notna().all()
    slack = ALIKE * (values.max() - values.min())
    for better, worse in itertools.pairwise(groups):
        assert min(values[better]) >= max(values[worse]) - slack, f"{better} before {worse}"
    assert min(values[groups[0]]) > max(values[groups[-1]]) + slack


def test_the_copy_preserves_everything_and_edits_nothing(means):
    copy = means.loc["copy"]
    assert copy["leakage_share"] == copy["lpips_outside"] == copy["face_change"] == 0
    assert copy["clip_directional"] == copy["pattern_recognised"] == copy["right_garment"] == 0


def test_reference_edits_have_known_success_and_preservation(samples, scorers):
    """Each reference edit is passed as the edit at a guidance point of its own."""
    others = other_pictures(samples)
    drawn = [make_references(sample, others[sample.probe.source_id]) for sample in samples]
    edits = {name: [to_png(one[name]) for one in drawn] for name in REFERENCES}
    edits |= {"copy": [one.probe.source for one in samples], "target": [one.probe.target for one in samples]}
    sweep = {}
    for number, pngs in enumerate(edits.values()):
        both = [dict.fromkeys(("baseline", "finetuned"), png) for png in pngs]
        sweep[float(number), 1.0] = [replace(one, edited=edited) for one, edited in zip(samples, both, strict=True)]
    points = score_sweep(sweep, prepare_sources(samples, scorers, 32), scorers, 32)
    assert points[["success", "preservation"]].stack().between(0, 1).all()
    found = points.groupby("guidance_text")[["success", "preservation"]].mean().set_axis(list(edits))
    assert (tuple(found.loc["copy"]), tuple(found.loc["target"])) == ((0, 1), (1, 1))
    success, kept = found["success"], found["preservation"]
    assert success["dilated"] == 1
    assert success["box_tint"] == pytest.approx(success["picture_tint"])
    assert 0.2 < success["box_tint"] < 0.9
    assert success["other_item"] < 0.1
    assert kept["dilated"] > kept["box_tint"] > kept["picture_tint"] + 0.3
    assert max(kept["picture_tint"], kept["other_item"]) < 0.3


def test_tints_have_the_requested_fabric_and_region(study: Study):
    sample = next(c for c in join_samples(study.probes, study.zones, study.edits) if c.probe.value == "red")
    drawn = make_references(sample, None)
    assert list(drawn) == ["picture_tint", "box_tint", "dilated"]
    source, mask = from_png(sample.probe.source), from_png(sample.probe.exact_mask) >= 128
    x1, y1, x2, y2 = map(int, box_of(mask))
    box = np.zeros_like(mask)
    box[y1:y2, x1:x2] = True
    assert (drawn["box_tint"][~box] == source[~box]).all()
    assert (drawn["box_tint"][box] == drawn["picture_tint"][box]).all()
    tinted = make_references(replace(sample, probe=replace(sample.probe, target=None)), None)["picture_tint"]
    expected = source * (1 - STRENGTH) + np.array(COLOURS_RGB["red"]) * STRENGTH
    assert np.abs(tinted - expected).max() <= 1


def test_a_photographic_picture_is_tinted_with_its_own_worlds_fabric(study: Study):
    """Its colours are all of the lexicon's cloths, and its prints are not the drawn ones."""
    sample = next(c for c in join_samples(study.probes, study.zones, study.edits) if c.probe.value == "red")
    (photograph,) = join_samples([sample.probe], study.zones, study.edits, {sample.probe.domain})
    assert (sample.photographic, photograph.photographic) == (False, True)
    navy = replace(sample.probe, value="navy", target=None)
    assert requested_fabric(navy, 8) is None
    assert (requested_fabric(navy, 8, photographic=True) == CLOTH_RGB["navy"]).all()
    striped = next(one for one in study.probes if one.value == "stripes")
    drawn, printed = (requested_fabric(striped, 64, photographic=one) for one in (False, True))
    assert min(drawn.std(), printed.std()) > 10
    assert not np.allclose(drawn, printed)


def test_a_spill_copies_the_nearest_garment_pixel_within_its_reach():
    picture = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    mask = np.zeros((20, 20), bool)
    mask[8:13, 7:11] = True
    spilt = spill(picture, mask, 2)
    assert (spilt[mask] == picture[mask]).all()
    assert (spilt[8:13, 5] == picture[8:13, 7]).all()
    assert (spilt[8:13, 12] == picture[8:13, 10]).all()
    inside = np.argwhere(mask)
    reached = np.array([[np.hypot(*(inside - (y, x)).T).min() <= 2 for x in range(20)] for y in range(20)])
    assert (spilt[~reached] == picture[~reached]).all()
    assert distance_transform_cdt(~mask)[reached].max() <= 2
    assert round(SPILL * 64) == 2


def test_photographs_have_only_reference_edits_without_a_target(study: Study):
    other = study.probes[8].source
    for probe, zones in zip(study.probes[:4], study.zones, strict=False):
        drawn = make_references(Sample(replace(probe, target=None, exact_mask=None), zones, {}), other)
        assert list(drawn) == (["picture_tint", "box_tint"] if probe.factor == "colour" else []) + ["other_item"]
        assert (drawn["other_item"] == from_png(other)).all()


def test_the_other_item_is_another_source_of_the_same_domain(study: Study):
    samples = join_samples(study.probes, study.zones, study.edits)
    others = other_pictures(samples)
    probe_of = {sample.probe.source: sample.probe for sample in samples}
    for name, png in others.items():
        assert probe_of[png].source_id != name
        assert name.startswith(probe_of[png].domain + "-")
    assert other_pictures(samples[:4]) == {"seen-00": None}
