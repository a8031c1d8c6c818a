"""Write an evaluation: report, headline, tables and contact sheets."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from PIL import Image

from atelier.common.files import atomic_write, write_json
from atelier.common.records import TESTS
from atelier.config import Evaluate
from atelier.evaluation.evaluate import Evaluation
from atelier.evaluation.summary import headline
from atelier.report.edit_sheets import draw_overview, draw_sheet, pick_unselected, pick_worst
from atelier.report.figures import plot_frontiers, plot_measures, plot_shares
from atelier.report.tables import average, compare_with_paper
from atelier.stats.tables import to_csv


@dataclass(frozen=True)
class Outputs:
    """Paths that `write_evaluation` writes to."""

    report: Path  # JSON
    headline: Path  # JSON: the numbers that `dvc metrics diff` shows
    tables: Path  # folder
    sheets: Path  # folder


def write_evaluation(
    result: Evaluation, settings: Evaluate, out: Outputs, ablations: pd.DataFrame, methods: pd.DataFrame
) -> None:
    """Write report, headline, tables and sheets, each atomically.

    Args:
        ablations: of `metrics/ablations.csv`, for the figure of gains by share of trained parameters.
        methods: of `metrics/methods.csv`, for the same figure.
    """
    with atomic_write(out.tables) as folder:
        folder.mkdir()
        probes = result.scores[result.scores["domain"] != TESTS]  # a test triplet's instruction is its own
        for by, scores in (("prompt", probes), ("factor", result.scores)):
            (folder / f"{by}s.csv").write_text(to_csv(average(scores, by)), encoding="utf-8")
        (folder / "frontier.csv").write_text(to_csv(result.frontier), encoding="utf-8")
        (folder / "comparison.md").write_text(compare_with_paper(result.report), encoding="utf-8")
    with atomic_write(out.sheets) as folder:
        folder.mkdir()
        by_domain = {
            domain: [sample for sample in result.samples if sample.probe.domain == domain]
            for domain in result.scores["domain"].unique()
        }
        of_probes = {domain: samples for domain, samples in by_domain.items() if domain != TESTS}
        Image.fromarray(draw_overview(of_probes)).save(folder / "overview.png")
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
    write_json(out.headline, headline(result.report))
