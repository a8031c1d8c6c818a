"""What evaluation computes: no network sees an image twice, and edits that are not shown are not scored."""

from dataclasses import replace
from unittest.mock import patch

import pandas as pd
import pytest
import torch
from fixtures_edits import build_study

from atelier.evaluation.batches import Scorers, prepare_sources
from atelier.evaluation.references import REFERENCES
from atelier.evaluation.samples import Sample, choose_referenced, join_samples
from atelier.evaluation.score import score_samples
from atelier.images.tensors import from_png
from atelier.judges.stlpips import ShiftTolerantAlexNet, StLpips


@pytest.fixture(scope="module")
def one_by_one(scorers: Scorers) -> Scorers:
    """Scorers with a small random ST-LPIPS."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = ShiftTolerantAlexNet((4, 4, 4, 4, 4)).eval().requires_grad_(False)
    for weigh in net.weights:
        weigh.weight.abs_()
    return replace(scorers, lpips=StLpips("random", net))


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    study = build_study(("seen",), pictures=3)
    return join_samples(study.probes, study.zones, study.edits)


def score(samples, scorers, **options) -> pd.DataFrame:
    return score_samples(samples, prepare_sources(samples, scorers, 64), scorers, 64, **options)


def test_reference_edits_are_scored_of_the_chosen_probes_alone(samples, scorers):
    """All other rows are the same to the bit."""
    everything, some, none = (score(samples, scorers, references=count) for count in (None, 4, 0))
    of_models = everything[~everything["model"].isin(REFERENCES)].reset_index(drop=True)
    pd.testing.assert_frame_equal(none, of_models, check_exact=True)
    pd.testing.assert_frame_equal(
        some[~some["model"].isin(REFERENCES)].reset_index(drop=True), of_models, check_exact=True
    )
    chosen = choose_referenced(samples, 4)
    for name in REFERENCES:
        one, all_of_them = (table[table["model"] == name].set_index("probe_id") for table in (some, everything))
        assert set(one.index) == chosen
        pd.testing.assert_frame_equal(one, all_of_them.loc[one.index], atol=1e-4, rtol=1e-4)


def test_an_edit_that_is_not_defined_is_not_computed(samples, scorers, one_by_one):
    """Half of the sources are without a target, as photographs are."""
    mixed = [
        replace(one, probe=replace(one.probe, target=None)) if number % 2 else one for number, one in enumerate(samples)
    ]
    for networks in (scorers, one_by_one):
        whole, partly = (
            score(each, networks, references=0).set_index(["probe_id", "model"]) for each in (samples, mixed)
        )
        targets = partly.xs("target", level="model")
        assert list(targets.index) == [one.probe.probe_id for one in samples[::2]]
        pd.testing.assert_frame_equal(
            targets, whole.xs("target", level="model").loc[targets.index], atol=1e-4, rtol=1e-4
        )


def test_each_image_passes_through_the_network_once(samples, one_by_one):
    """The sources, both editors' edits with and without the source's garment, the composites, and the targets."""
    sources = prepare_sources(samples, one_by_one, 64)
    with patch.object(
        ShiftTolerantAlexNet, "forward", autospec=True, side_effect=ShiftTolerantAlexNet.forward
    ) as calls:
        score_samples(samples, sources, one_by_one, 64, references=0)
    count = sum(len(call.args[1]) for call in calls.call_args_list)
    spilt = 0
    for sample in samples:
        outside = from_png(sample.probe.exact_mask) < 128
        spilt += bool((from_png(sample.probe.target) != from_png(sample.probe.source))[outside].any())
    edits = len(samples)
    assert count == len({one.probe.source for one in samples}) + 6 * edits + spilt
