"""Scores of all runs → the study's tables (Markdown), contrasts (CSV) and figure (PNG). Run by DVC."""

from collections.abc import Sequence
from pathlib import Path

import click
import pandas as pd

from atelier.common import command
from atelier.common.files import atomic_write
from atelier.stats.tables import DASH, join_parts, markdown, to_csv
from studies.losses.contrasts import HEADINGS, MEASURES, Contrast, contrast, level
from studies.losses.figures import plot_arms

LOSSES, PAIRS, DOMAINS = ("plain", "preserve", "trimap"), ("same_item", "half", "aligned"), ("seen", "unseen")
USUAL = "trimap-half"  # the reference of the grid's runs: same seed, default weights
METHODS = {
    "selective, 4 epochs": "trimap-aligned", "full, 4 epochs": "full-4", "full, 3 epochs": "full-3",
    "LoRA, 4 epochs": "lora-4", "LoRA, 5 epochs": "lora-5",
}  # fmt: skip


def compare_losses(scores: pd.DataFrame, domain: str) -> list[Contrast]:
    """Compare trimap and preserve with plain, and trimap with preserve, on each kind of pair."""
    pairs = [("trimap", "plain"), ("preserve", "plain"), ("trimap", "preserve")]
    return contrast(scores, [(f"{one}-{kind}", f"{other}-{kind}") for kind in PAIRS for one, other in pairs], domain)


def compare_pairs(scores: pd.DataFrame, domain: str) -> list[Contrast]:
    """Compare the kinds of pair with the paper's and with each other, for each loss."""
    pairs = [("aligned", "same_item"), ("half", "same_item"), ("half", "aligned")]
    return contrast(scores, [(f"{loss}-{one}", f"{loss}-{other}") for loss in LOSSES for one, other in pairs], domain)


def compare_methods(scores: pd.DataFrame, domain: str) -> list[Contrast]:
    """Compare every other method with selective training."""
    usual, *others = METHODS.values()
    return contrast(scores, [(other, usual) for other in others], domain)


def compare_grid(scores: pd.DataFrame, names: Sequence[str], domain: str) -> list[Contrast]:
    """Compare each run of the grid with the default weights at the same seed."""
    alone = {name: f"{name}-1" for name in names} | {f"{USUAL}-1": "usual-1"}
    renamed = scores[scores["run"].isin(alone)].assign(run=lambda table: table["run"].map(alone))
    return contrast(renamed, [(name, "usual") for name in names], domain)


def levels_table(scores: pd.DataFrame, arms: dict[str, str], domain: str) -> str:
    """Tabulate in Markdown: one row per arm, one column per metric, mean ± standard deviation between seeds."""
    rows = []
    for label, arm in arms.items():
        cells = []
        for name, (mean, spread) in level(scores, arm, domain).items():
            digits = MEASURES[name].decimals
            cells.append(f"{mean:.{digits}f} ± {spread:.{digits}f}")
        rows.append([label, *cells])
    return markdown(HEADINGS, rows)


def contrasts_table(contrasts: Sequence[Contrast]) -> str:
    """Tabulate in Markdown: one row per pair of arms, one column per metric: difference, interval, verdict."""
    rows: dict[str, list[str]] = {}
    for one in contrasts:
        digits = MEASURES[one.measure].decimals
        text = f"{one.mean:+.{digits}f} ({one.ci_lo:+.{digits}f} … {one.ci_hi:+.{digits}f})"
        bold = f"**{text}** {one.verdict}" if one.verdict != DASH else text
        rows.setdefault(f"{one.arm} − {one.against}", []).append(bold)
    return markdown(HEADINGS, [[k, *v] for k, v in rows.items()])


def write_tables(scores: pd.DataFrame, grid: Sequence[str]) -> str:
    """Return the text of tables.md."""
    counts = {domain: scores.loc[scores["domain"] == domain, "source_id"].nunique() for domain in DOMAINS}
    parts = [
        "# Losses, pairs, weights and methods",
        f"Made by `dvc repro studies/losses/dvc.yaml`. {scores['run'].nunique()} runs; "
        f"{counts['seen']} seen and {counts['unseen']} unseen source pictures × 4 prompts each. Levels: mean ± "
        "standard deviation between seeds. Differences: paired by seed and picture, 95 % interval over pictures; bold "
        "where Holm's p over the table is below .05 and every seed agrees, then whether that is better or worse.",
    ]
    losses = {f"{kind}, {loss}": f"{loss}-{kind}" for kind in PAIRS for loss in LOSSES}
    for domain in DOMAINS:
        parts += [
            f"## {domain.capitalize()}: losses on each kind of pair", levels_table(scores, losses, domain),
            contrasts_table(compare_losses(scores, domain)),
            f"## {domain.capitalize()}: kinds of pair under each loss", contrasts_table(compare_pairs(scores, domain)),
            f"## {domain.capitalize()}: weights, one seed, against {USUAL}",
            contrasts_table(compare_grid(scores, grid, domain)),
            f"## {domain.capitalize()}: methods on aligned pairs",
            levels_table(scores, METHODS, domain),
            contrasts_table(compare_methods(scores, domain)),
        ]  # fmt: skip
    return join_parts([*parts, "![losses](losses.png)"])


def all_contrasts(scores: pd.DataFrame, grid: Sequence[str]) -> pd.DataFrame:
    """Return every contrast of the tables as a row, with its table's name."""
    rows = []
    for domain in DOMAINS:
        families = {
            "losses": compare_losses(scores, domain), "pairs": compare_pairs(scores, domain),
            "weights": compare_grid(scores, grid, domain), "methods": compare_methods(scores, domain),
        }  # fmt: skip
        rows += [
            {"table": table, **vars(one), "verdict": one.verdict} for table, found in families.items() for one in found
        ]
    return pd.DataFrame(rows)


def single_runs(scores: pd.DataFrame) -> list[str]:
    """Return the runs without a seed in their name: the grid's."""
    return sorted(name for name in scores["run"].unique() if not name.rpartition("-")[2].isdigit())


@command.stage
@command.path_option("scores", "Scores by run and source (CSV).")
@command.path_option("out", "Folder for tables.md, contrasts.csv and losses.png.")
def main(scores: Path, out: Path) -> None:
    """Compare the arms and write the report."""
    table = pd.read_csv(scores, dtype={"source_id": str})
    grid = single_runs(table)
    with atomic_write(out) as folder:
        folder.mkdir()
        (folder / "tables.md").write_text(write_tables(table, grid), encoding="utf-8")
        contrasts = all_contrasts(table, grid)
        (folder / "contrasts.csv").write_text(to_csv(contrasts), encoding="utf-8")
        plot_arms(table, LOSSES, PAIRS, DOMAINS, folder / "losses.png")
    click.echo(f"{(contrasts['verdict'] != DASH).sum()} of {len(contrasts)} contrasts hold")


if __name__ == "__main__":
    main()
