"""The evaluate stage: load samples → score → summarise → report."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from PIL import Image

from atelier.common.files import atomic_write, write_json
from atelier.common.records import Edit, Probe, Zones, read_rows
from atelier.config import Evaluate, Models
from atelier.evaluation.batches import Scorers, prepare_sources
from atelier.evaluation.guidance_sweep import score_sweep, summarise_frontiers, tabulate_frontiers
from atelier.evaluation.samples import Sample, join_noops, join_samples, join_sweep
from atelier.evaluation.score import networks_of, score_noops, score_samples
from atelier.evaluation.summary import Report, metrics_of, summarise, summarise_noops
from atelier.evaluation.summary import headline as shorten
from atelier.metrics.clip import ClipScorer
from atelier.metrics.lpips import Lpips
from atelier.metrics.registry import EDITORS
from atelier.models.base import decode_latents, encode_images
from atelier.models.instruct_pix2pix import load_editor
from atelier.models.loading import choose_device
from atelier.report.edit_sheets import draw_overview, draw_sheet, pick_unselected, pick_worst
from atelier.report.figures import plot_frontiers, plot_measures, plot_shares
from atelier.report.tables import average, compare_with_paper
from atelier.stats.tables import to_csv


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


@dataclass(frozen=True)
class Written:
    """Where an evaluation is written to."""

    report: Path  # JSON
    headline: Path  # JSON: the few figures that `dvc metrics diff` shows
    tables: Path  # folder
    sheets: Path  # folder


def write_evaluation(
    result: Evaluation, settings: Evaluate, out: Written, ablations: pd.DataFrame, methods: pd.DataFrame
) -> None:
    """Write report, headline, tables and sheets, each whole or not at all.

    Args:
        ablations: `metrics/ablations.csv`, for the figure of gains by trained share; `metrics/methods.csv` likewise.
    """
    with atomic_write(out.tables) as folder:
        folder.mkdir()
        for by in ("prompt", "factor"):
            (folder / f"{by}s.csv").write_text(to_csv(average(result.scores, by)), encoding="utf-8")
        (folder / "frontier.csv").write_text(to_csv(result.frontier), encoding="utf-8")
        (folder / "comparison.md").write_text(compare_with_paper(result.report), encoding="utf-8")
    with atomic_write(out.sheets) as folder:
        folder.mkdir()
        by_domain = {
            domain: [sample for sample in result.samples if sample.probe.domain == domain]
            for domain in result.scores["domain"].unique()
        }
        Image.fromarray(draw_overview(by_domain)).save(folder / "overview.png")
        for domain, samples in by_domain.items():
            picks = {
                domain: pick_unselected(samples, settings.sheet_rows),
                f"{domain}-worst": pick_worst(samples, result.scores, settings.sheet_rows),
            }
            for name, picked in picks.items():
                Image.fromarray(draw_sheet(picked, result.scores)).save(folder / f"{name}.png")
        plot_measures(result.report, folder / "measures.png")
        if len(result.frontier):
            plot_frontiers(result.frontier, folder / "frontier.png")
        plot_shares(ablations, methods, folder / "shares.png")
    write_json(out.report, result.report)
    write_json(out.headline, shorten(result.report))
