"""The evaluate stage: load samples → score → summarise → report."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from atelier.common.records import TESTS, Edit, Probe, TestProbe, Zones, iter_rows, read_rows
from atelier.config import Evaluate, Models, Prepare
from atelier.evaluation.batches import Scorers, prepare_sources
from atelier.evaluation.guidance_sweep import score_sweep, summarise_frontiers, tabulate_frontiers
from atelier.evaluation.samples import Sample, join_noops, join_samples, join_sweep
from atelier.evaluation.score import networks_of, score_noops, score_samples
from atelier.evaluation.summary import Report, metrics_of, summarise, summarise_kinds, summarise_noops
from atelier.metrics.clip import ClipScorer
from atelier.metrics.lpips import load_lpips
from atelier.metrics.registry import EDITORS
from atelier.models.base import decode_latents, encode_images
from atelier.models.instruct_pix2pix import load_editor
from atelier.models.loading import choose_device
from atelier.scenes import is_photographic


@dataclass(frozen=True)
class Evaluation:
    """The report with the tables and samples that it summarises."""

    report: Report
    scores: pd.DataFrame  # `score.score_samples`
    samples: list[Sample]
    frontier: pd.DataFrame  # `guidance_sweep.tabulate_frontiers`


def load_scorers(models: Models) -> Scorers:
    """Load the networks that `models` names.

    Raises:
        UserError: one of them cannot be loaded.
    """
    device = choose_device(models.device)
    editor = load_editor(models.editor, models.dtype, models.device)

    def reconstruct(pictures: torch.Tensor) -> torch.Tensor:
        return decode_latents(editor, encode_images(editor, pictures) * editor.scaling_factor)

    return Scorers(ClipScorer.load(models.clip, device), load_lpips(models.lpips, device), reconstruct, device)


@dataclass(frozen=True)
class Inputs:
    """The files to evaluate; edits are of both models."""

    probes: Path
    zones: Path
    edits: dict[str, Path]  # model → file, for `baseline` and `finetuned`
    tests: Path
    triplet_zones: Path
    test_edits: dict[str, Path]
    photographic: frozenset[str] = frozenset()  # domains whose pictures are of the photographic world

    @property
    def paths(self) -> list[Path]:
        """All files."""
        return [
            self.probes,
            self.zones,
            *self.edits.values(),
            self.tests,
            self.triplet_zones,
            *self.test_edits.values(),
        ]


def photographic_domains(prepare: Prepare) -> frozenset[str]:
    """Return the domains whose pictures are of the photographic world; the test triplets are of the seen one."""
    sources = {"seen": prepare.seen, TESTS: prepare.seen, "unseen": prepare.unseen}
    return frozenset(domain for domain, source in sources.items() if is_photographic(source))


def evaluate(inputs: Inputs, scorers: Scorers, settings: Evaluate, autoencoder: str) -> Evaluation:
    """Score the edits of both models on the probes and the test triplets, and summarise the scores.

    Args:
        autoencoder: where the VAE of `scorers.reconstruct` was loaded from, for the report.

    Raises:
        UserError: a file is unreadable, an edit is missing, or no probe has zones.
    """
    probes = read_rows(inputs.probes, Probe)
    rows = {model: read_rows(inputs.edits[model], Edit) for model in EDITORS}
    samples = join_samples(probes, read_rows(inputs.zones, Zones), rows, inputs.photographic)
    sources = prepare_sources(samples, scorers, settings.batch_size)
    scores = score_samples(samples, sources, scorers, settings.batch_size, references=settings.references)
    noops = score_noops(join_noops(samples, rows), sources, scorers, settings.batch_size)
    points = score_sweep(join_sweep(samples, rows), sources, scorers, settings.batch_size)
    tests = read_rows(inputs.tests, TestProbe)
    held_out = _join_tests(tests, inputs)
    if held_out:
        sources = prepare_sources(held_out, scorers, settings.batch_size)
        of_tests = score_samples(held_out, sources, scorers, settings.batch_size, references=settings.references)
        scores = pd.concat([scores, of_tests], ignore_index=True)

    report = {
        "networks": {"clip": scorers.clip.name, "lpips": scorers.lpips.name, "leakage_floor": f"{autoencoder} (VAE)"},
        "network_of": networks_of(metrics_of(scores)),
        "probes_without_zone": len(probes) - len(samples),
        "test_triplets_without_zone": len(tests) - len(held_out),
        **summarise(scores, settings.draws, settings.seed),
    }
    for domain in scores["domain"].unique():
        report[domain]["rendered"] = all(
            one.probe.rendered for one in (*samples, *held_out) if one.probe.domain == domain
        )
    for domain, part in summarise_noops(noops, settings.draws, settings.seed).items():
        report[domain]["noop"] = part
    for domain, part in summarise_frontiers(points, settings.draws, settings.seed).items():
        report[domain]["frontier"] = part
    if held_out:
        kinds = {one.probe.probe_id: one.probe.kind for one in held_out if isinstance(one.probe, TestProbe)}
        report[TESTS]["kinds"] = summarise_kinds(scores, kinds, settings.draws, settings.seed)
    return Evaluation(report, scores, [*samples, *held_out], tabulate_frontiers(points))


def _join_tests(tests: Sequence[TestProbe], inputs: Inputs) -> list[Sample]:
    """Join the test triplets that have zones with their edits."""
    wanted = {test.probe_id for test in tests}
    zones = [zone for zone in iter_rows(inputs.triplet_zones, Zones) if zone.row_id in wanted]
    edits = {model: read_rows(inputs.test_edits[model], Edit) for model in EDITORS}
    return join_samples(tests, zones, edits, inputs.photographic) if zones else []
