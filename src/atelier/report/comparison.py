"""The methods of fine-tuning beside each other: scores, trained share, seconds and memory, by experiment.

Scores come from the experiments' commits, which hold no times; seconds and memory from the log of the training run.
Run `make methods` to make and collect them.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from atelier.common.files import atomic_write
from atelier.metrics.registry import view
from atelier.report.experiments import Experiment, find_experiments, read_experiment
from atelier.report.tables import DOMAIN_NAMES
from atelier.stats.tables import join_parts, markdown, number, to_csv

_COSTS = ("train_seconds", "seconds_per_step", "peak_cuda_gib", "peak_rss_gib", "processes")

Costs = Mapping[str, float]


def collect(names: Sequence[str], folder: Path, repository: Path, read_costs: Callable[[str], Costs]) -> list[Path]:
    """Write methods.csv and methods.md into a folder, from the experiments of these names.

    Args:
        read_costs: the metrics of an experiment's training run.

    Raises:
        UserError: an experiment is not there, did not get to its metrics, or its training was not recorded.
    """
    revisions = find_experiments(names, repository)
    experiments = [read_experiment(name, revision, repository) for name, revision in revisions.items()]
    costs = {name: read_costs(name) for name in revisions}
    written = [folder / "methods.csv", folder / "methods.md"]
    for path, text in zip(written, (to_csv(tabulate(experiments, costs)), describe(experiments, costs)), strict=True):
        with atomic_write(path) as partial:
            partial.write_text(text, encoding="utf-8")
    return written


def tabulate(experiments: Sequence[Experiment], costs: Mapping[str, Costs]) -> pd.DataFrame:
    """A row per experiment and domain: what was trained, what it cost, and the means of the fine-tuned model."""
    rows = []
    for one in experiments:
        facts = {key: one.train[key] for key in ("trained_parameters", "trained_share", "steps")}
        facts |= {key: costs[one.name][key] for key in _COSTS if key in costs[one.name]}
        for domain in DOMAIN_NAMES:
            if domain in one.evaluate:
                means = {measure: cell["mean"] for measure, cell in one.evaluate[domain]["finetuned"].items()}
                rows.append({"experiment": one.name, "domain": domain} | facts | means)
    return pd.DataFrame(rows)


def describe(experiments: Sequence[Experiment], costs: Mapping[str, Costs]) -> str:
    """Markdown: the costs, then the scores of each domain."""
    header = ["", "trained", "share", "steps", "s a step", "peak memory"]
    parts = [
        "# Methods beside each other",
        "The same pictures, seed, loss and number of steps. Seconds are of training steps alone. Peak memory is of one "
        "process: on CUDA what torch had allocated while steps ran, on a CPU all of the process's resident memory.",
        markdown(header, [_cost_row(one, costs[one.name]) for one in experiments]),
    ]
    for domain in DOMAIN_NAMES:
        rows = [
            [
                one.name,
                *(number(one.evaluate[domain]["finetuned"].get(m.key), m.decimals) for m in view("methods")),
            ]
            for one in experiments
            if domain in one.evaluate
        ]
        if rows:
            header = ["", *(metric.short for metric in view("methods"))]
            parts += [f"## {domain.capitalize()} domain", markdown(header, rows)]
    return join_parts(parts)


def _cost_row(one: Experiment, costs: Costs) -> list[str]:
    kind, peak = ("CUDA", "peak_cuda_gib") if "peak_cuda_gib" in costs else ("resident", "peak_rss_gib")
    return [
        one.name,
        f"{one.train['trained_parameters']:,}",
        f"{one.train['trained_share']:.2%}",
        str(one.train["steps"]),
        f"{costs['seconds_per_step']:.3f}",
        f"{costs[peak]:.2f} GiB {kind}",
    ]
