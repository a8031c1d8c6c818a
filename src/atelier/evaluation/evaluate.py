"""The evaluate stage: load samples → score → summarise → report."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from atelier.common.records import Edit, Probe, Zones, read_rows
from atelier.config import Evaluate, Models
from atelier.evaluation.batches import Scorers, prepare_sources
from atelier.evaluation.guidance_sweep import score_sweep, summarise_frontiers, tabulate_frontiers
from atelier.evaluation.samples import Sample, join_noops, join_samples, join_sweep
from atelier.evaluation.score import networks_of, score_noops, score_samples
from atelier.evaluation.summary import Report, metrics_of, summarise, summarise_noops
from atelier.metrics.clip import ClipScorer
from atelier.metrics.lpips import Lpips
from atelier.metrics.registry import EDITORS
from atelier.models.base import decode_latents, encode_images
from atelier.models.instruct_pix2pix import load_editor
from atelier.models.loading import choose_device


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

    return Scorers(ClipScorer.load(models.clip, device), Lpips.load(models.lpips, device), reconstruct, device)


def evaluate(
    probes: Path, zones: Path, edits: dict[str, Path], scorers: Scorers, settings: Evaluate, autoencoder: str
) -> Evaluation:
    """Score the edits of both models on the probes and summarise the scores.

    Args:
        edits: model → file, for `baseline` and `finetuned`.
        autoencoder: where the VAE of `scorers.reconstruct` was loaded from, for the report.

    Raises:
        UserError: a file is unreadable, an edit is missing, or no probe has zones.
    """
    all_probes = read_rows(probes, Probe)
    rows = {model: read_rows(edits[model], Edit) for model in EDITORS}
    samples = join_samples(all_probes, read_rows(zones, Zones), rows)
    sources = prepare_sources(samples, scorers, settings.batch_size)
    scores = score_samples(samples, sources, scorers, settings.batch_size)
    noops = score_noops(join_noops(samples, rows), sources, scorers, settings.batch_size)
    points = score_sweep(join_sweep(samples, rows), sources, scorers, settings.batch_size)

    report = {
        "networks": {"clip": scorers.clip.name, "lpips": scorers.lpips.name, "leakage_floor": f"{autoencoder} (VAE)"},
        "network_of": networks_of(metrics_of(scores)),
        "probes_without_zone": len(all_probes) - len(samples),
        **summarise(scores, settings.draws, settings.seed),
    }
    for domain, part in summarise_noops(noops, settings.draws, settings.seed).items():
        report[domain]["noop"] = part
    for domain, part in summarise_frontiers(points, settings.draws, settings.seed).items():
        report[domain]["frontier"] = part
    return Evaluation(report, scores, samples, tabulate_frontiers(points))
