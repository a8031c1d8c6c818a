"""Tables over several DVC experiments: ablations beside the paper's, methods with their costs.

Running some of them updates their rows and keeps the others (`comparable.update_rows`).
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from atelier.common.files import atomic_write, write_text
from atelier.metrics.registry import beside_paper, view
from atelier.report import paper
from atelier.report.comparable import BASELINE, describe_others, origin_cells, read_table, update_rows
from atelier.report.experiments import Experiment, read_experiments
from atelier.report.figures import plot_losses
from atelier.report.tables import DOMAIN_NAMES
from atelier.stats.tables import DASH, join_parts, markdown, number, to_csv

LOSSES = ("train_loss", "val_loss")
COSTS = ("train_seconds", "seconds_per_step", "peak_cuda_gib", "peak_rss_gib", "processes")  # metrics in MLflow
EMPTY_TABLES = {  # of a study in which no experiment has been run
    "ablations.csv": "config,domain,trained_share\n",
    "methods.csv": "experiment,domain,trained_share\n",
}

Costs = Mapping[str, float]


def collect_ablations(
    names: Mapping[str, str], folder: Path, repository: Path, study: Path = Path(), order: Sequence[str] = ()
) -> list[Path]:
    """Update ablations.csv, ablations.md and ablations.png in a folder.

    Args:
        names: configuration, as the table names it → the experiment's name.
        study: folder of the experiments' pipeline, relative to the repository's root.
        order: configurations that come first in the table, in this order.

    Raises:
        UserError: as `read_experiments`, or the table in the folder cannot be read.
    """
    table = _updated(folder / "ablations.csv", tabulate_ablations(read_experiments(names, repository, study)), order)
    written = write_table(folder, "ablations", table, describe_ablations(table))
    curves = {
        record["config"]: {name: _losses(record, name) for name in LOSSES}
        for record in _configurations(table).drop_duplicates("config").to_dict("records")
    }
    with atomic_write(folder / "ablations.png") as path:
        plot_losses(curves, path)
    return [*written, folder / "ablations.png"]


def tabulate_ablations(experiments: Sequence[Experiment]) -> pd.DataFrame:
    """Return a row per configuration and domain: trained_share, best_epoch, fine-tuned means, losses per epoch.

    The first rows are the baseline's, one per origin and domain; no configuration changes them.
    """
    rows = []
    for one in experiments:
        facts = {key: one.train[key] for key in ("trained_share", "best_epoch")}
        facts |= {f"{name}_{epoch}": loss for name in LOSSES for epoch, loss in enumerate(one.losses(name), 1)}
        rows += [row | facts | one.means(row["domain"]) for row in _starts("config", one.name, one)]
    return pd.DataFrame(_baseline_rows("config", experiments, {"trained_share": 0.0}) + rows)


def _starts(column: str, name: str, one: Experiment) -> list[dict[str, Any]]:
    """Return the first cells of an experiment's row for each domain."""
    domains = [domain for domain in DOMAIN_NAMES if domain in one.evaluate]
    return [{column: name, "domain": domain} | origin_cells(one.evaluate) for domain in domains]


def _baseline_rows(column: str, experiments: Sequence[Experiment], facts: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the baseline's rows: of each origin those of its last experiment."""
    newest = {tuple(origin_cells(one.evaluate).values()): one for one in experiments}
    return [
        row | facts | one.means(row["domain"], BASELINE)
        for one in newest.values()
        for row in _starts(column, BASELINE, one)
    ]


def _updated(path: Path, new: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """Return the table at a path, if there is one, with the new rows in it."""
    return update_rows(read_table(path) if path.exists() else new[:0], new, order)


def _configurations(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table without the baselines'."""
    return table[table.iloc[:, 0] != BASELINE]


def describe_ablations(table: pd.DataFrame) -> str:
    """Return ablations.md: tables 3 and 4 of the paper with ours beside them."""
    table = paper.add_ablations(_configurations(table))
    metrics = beside_paper("paper")
    published = [metric for metric in metrics if metric.paper_key]
    scores = [
        [
            "{}, {} ({})".format(row["config"], *DOMAIN_NAMES[row["domain"]]),
            f"{row['trained_share']:.2%}",
            *(number(row.get(metric.key), metric.decimals) for metric in metrics),
            *(number(row[f"paper_{metric.key}"], metric.decimals) for metric in published),
        ]
        for row in table.to_dict("records")
    ]
    losses = [
        [row["config"], *(_arrows(_losses(row, f"{whose}{name}")) for whose in ("", "paper_") for name in LOSSES)]
        for row in table.drop_duplicates("config").to_dict("records")
    ]
    first, *others = (metric.short for metric in published)
    header = ["", "trained", *(metric.short for metric in metrics), f"paper: {first}", *others]
    return join_parts(
        [
            "# Ablations beside the paper",
            "Ours are of this repository's pictures and networks, the paper's of its own: compare the order of the "
            "configurations, not values. Losses under different lambdas can't be compared with each other.",
            describe_others(table),
            markdown(header, scores),
            markdown(["", "training loss", "validation loss", "paper: training", "validation"], losses),
            "![learning curves](ablations.png)",
        ]
    )


def _losses(row: Mapping[str, Any], name: str) -> list[float]:
    """Return a loss of all epochs from its columns name_1, name_2, …"""
    values = {key.removeprefix(f"{name}_"): value for key, value in row.items() if key.startswith(f"{name}_")}
    return [values[epoch] for epoch in sorted(values, key=int) if not pd.isna(values[epoch])]


def _arrows(values: Sequence[float]) -> str:
    """Return losses as `0.0400 → 0.0200`."""
    return " → ".join(f"{value:.4f}" for value in values) or DASH


def collect_methods(
    names: Mapping[str, str],
    folder: Path,
    repository: Path,
    read_costs: Callable[[str], Costs],
    study: Path = Path(),
    order: Sequence[str] = (),
) -> list[Path]:
    """Update methods.csv and methods.md in a folder.

    Args:
        names, study, order: as `collect_ablations`.
        read_costs: experiment → the metrics of its training run, which its commit does not hold.

    Raises:
        UserError: as `collect_ablations`, or an experiment's training was not recorded.
    """
    experiments = read_experiments(names, repository, study)
    costs = {label: read_costs(name) for label, name in names.items()}
    table = _updated(folder / "methods.csv", tabulate_methods(experiments, costs), order)
    return write_table(folder, "methods", table, describe_methods(table))


def tabulate_methods(experiments: Sequence[Experiment], costs: Mapping[str, Costs]) -> pd.DataFrame:
    """Return a row per experiment and domain: what was trained, its costs, and the means of the fine-tuned model.

    The first rows are the baseline's, one per origin and domain, without costs.
    """
    rows = []
    for one in experiments:
        facts = {key: one.train[key] for key in ("trained_parameters", "trained_share", "steps")}
        facts |= {key: costs[one.name][key] for key in COSTS if key in costs[one.name]}
        rows += [row | facts | one.means(row["domain"]) for row in _starts("experiment", one.name, one)]
    nothing = {"trained_parameters": 0, "trained_share": 0.0, "steps": 0}
    return pd.DataFrame(_baseline_rows("experiment", experiments, nothing) + rows)


def describe_methods(table: pd.DataFrame) -> str:
    """Return methods.md: the costs, then the scores of each domain."""
    costs = []
    for row in _configurations(table).drop_duplicates("experiment").to_dict("records"):
        on_cuda = not pd.isna(row.get("peak_cuda_gib"))
        peak = f"{row['peak_cuda_gib']:.2f} GiB CUDA" if on_cuda else f"{row['peak_rss_gib']:.2f} GiB resident"
        share, seconds = f"{row['trained_share']:.2%}", f"{row['seconds_per_step']:.3f}"
        costs.append([row["experiment"], f"{row['trained_parameters']:,}", share, str(row["steps"]), seconds, peak])
    parts = [
        "# Methods beside each other",
        "The same pictures, seed, loss and number of steps. Seconds are of training steps alone, of one run each: "
        "docs/performance.md compares methods in turn. Peak memory is of one process: on CUDA what torch had allocated "
        "while steps ran, on a CPU all of the process's resident memory.",
        describe_others(table),
        markdown(["", "trained", "share", "steps", "s a step", "peak memory"], costs),
    ]
    metrics = view("methods")
    for domain, part in table.groupby("domain", sort=False):
        rows = [
            [row["experiment"], *(number(row.get(metric.key), metric.decimals) for metric in metrics)]
            for row in part.to_dict("records")
        ]
        parts += [f"## {domain.capitalize()} domain", markdown(["", *(metric.short for metric in metrics)], rows)]
    return join_parts(parts)


def write_table(folder: Path, stem: str, table: pd.DataFrame, page: str) -> list[Path]:
    """Write a table as STEM.csv and its page as STEM.md into a folder; return the paths."""
    written = {folder / f"{stem}.csv": to_csv(table), folder / f"{stem}.md": page}
    for path, text in written.items():
        write_text(path, text)
    return list(written)
