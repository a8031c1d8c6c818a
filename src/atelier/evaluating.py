"""The evaluate stage as one call: rows in, `metrics/evaluate.json`, tables and contact sheets out."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from PIL import Image

from atelier.batches import Scorers, prepare_sources
from atelier.cases import EDITORS, Case, join_cases, join_noops, join_sweep
from atelier.config import Evaluate, Models
from atelier.editor import choose_device, decode_latents, encode_images, load_editor
from atelier.evaluation import Report, measures_of, summarise, summarise_noops
from atelier.evaluation import headline as shorten
from atelier.files import whole, write_json
from atelier.frontiers import summarise_frontiers, tabulate_frontiers
from atelier.measures.clip import ClipScorer
from atelier.measures.perceptual import Lpips
from atelier.records import Edit, Probe, Zones, read_rows
from atelier.report.edit_sheets import draw_overview, draw_sheet, pick_unselected, pick_worst
from atelier.report.figures import plot_frontiers, plot_measures, plot_shares
from atelier.report.tables import average, compare_with_paper, to_csv
from atelier.scoring import networks_of, score_cases
from atelier.sweeping import score_noops, score_sweep


@dataclass(frozen=True)
class Evaluation:
    """What was measured, and the pictures it was measured on."""

    report: Report
    scores: pd.DataFrame
    cases: list[Case]
    frontier: pd.DataFrame


def load_scorers(models: Models) -> Scorers:
    """The networks that `models` names.

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
    """Score the edits of every model against the probes, and summarise.

    Args:
        edits: model → file, for `baseline` and `finetuned`.
        autoencoder: where the VAE of `scorers.reconstruct` came from, for the report.

    Raises:
        UserError: a file is unreadable, an edit is missing, or no probe has a zone.
    """
    rows = read_rows(probes, Probe)
    made = {model: read_rows(edits[model], Edit) for model in EDITORS}
    cases = join_cases(rows, read_rows(zones, Zones), made)
    sources = prepare_sources(cases, scorers, settings.batch_size)
    scores = score_cases(cases, sources, scorers, settings.batch_size)
    noops = score_noops(join_noops(cases, made), sources, scorers, settings.batch_size)
    points = score_sweep(join_sweep(cases, made), sources, scorers, settings.batch_size)

    networks = {"clip": scorers.clip.name, "lpips": scorers.lpips.name, "leakage_floor": f"{autoencoder} (VAE)"}
    report = {
        "networks": networks,
        "network_of": networks_of(measures_of(scores)),
        "probes_without_zone": len(rows) - len(cases),
        **summarise(scores, settings.draws, settings.seed),
    }
    for name, parts in (
        ("noop", summarise_noops(noops, settings.draws, settings.seed)),
        ("frontier", summarise_frontiers(points, settings.draws, settings.seed)),
    ):
        for domain, part in parts.items():
            report[domain][name] = part
    return Evaluation(report, scores, cases, tabulate_frontiers(points))


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
    with whole(out.tables) as folder:
        folder.mkdir()
        for by in ("prompt", "factor"):
            (folder / f"{by}s.csv").write_text(to_csv(average(result.scores, by)), encoding="utf-8")
        (folder / "frontier.csv").write_text(to_csv(result.frontier), encoding="utf-8")
        (folder / "comparison.md").write_text(compare_with_paper(result.report), encoding="utf-8")
    with whole(out.sheets) as folder:
        folder.mkdir()
        by_domain = {
            domain: [case for case in result.cases if case.probe.domain == domain]
            for domain in result.scores["domain"].unique()
        }
        Image.fromarray(draw_overview(by_domain)).save(folder / "overview.png")
        for domain, cases in by_domain.items():
            picks = {
                domain: pick_unselected(cases, settings.sheet_rows),
                f"{domain}-worst": pick_worst(cases, result.scores, settings.sheet_rows),
            }
            for name, picked in picks.items():
                Image.fromarray(draw_sheet(picked, result.scores)).save(folder / f"{name}.png")
        plot_measures(result.report, folder / "measures.png")
        if len(result.frontier):
            plot_frontiers(result.frontier, folder / "frontier.png")
        plot_shares(ablations, methods, folder / "shares.png")
    write_json(out.report, result.report)
    write_json(out.headline, shorten(result.report))
