"""Tables over several DVC experiments: ablations beside the paper's, methods with their costs, spread between seeds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from atelier.common.errors import UserError
from atelier.common.files import atomic_write, write_text
from atelier.metrics.registry import beside_paper, view
from atelier.report import paper
from atelier.report.experiments import Experiment, read_experiments
from atelier.report.figures import plot_losses
from atelier.report.tables import DOMAIN_NAMES
from atelier.stats.bootstrap import between_seeds, over_pictures
from atelier.stats.tables import DASH, join_parts, markdown, number, to_csv

LOSSES = ("train_loss", "val_loss")
COSTS = ("train_seconds", "seconds_per_step", "peak_cuda_gib", "peak_rss_gib", "processes")  # metrics in MLflow
KINDS = {"finetuned": "fine-tuned", "gain": "fine-tuned − baseline"}

Costs = Mapping[str, float]


def collect_ablations(names: Sequence[str], folder: Path, repository: Path) -> list[Path]:
    """Write ablations.csv, ablations.md and ablations.png into a folder.

    Raises:
        UserError: as `read_experiments`.
    """
    experiments = read_experiments(names, repository)
    table = tabulate_ablations(experiments)
    written = _write(folder, "ablations", table, describe_ablations(table))
    with atomic_write(folder / "ablations.png") as path:
        plot_losses({one.name: {name: one.losses(name) for name in LOSSES} for one in experiments}, path)
    return [*written, folder / "ablations.png"]


def tabulate_ablations(experiments: Sequence[Experiment]) -> pd.DataFrame:
    """Return a row per configuration and domain: trained_share, best_epoch, fine-tuned means, losses per epoch.

    The first rows are the baseline's, which no configuration changes.
    """
    rows = [
        {"config": "baseline", "domain": domain, "trained_share": 0.0} | experiments[0].means(domain, "baseline")
        for domain in DOMAIN_NAMES
        if domain in experiments[0].evaluate
    ]
    for one in experiments:
        facts = {key: one.train[key] for key in ("trained_share", "best_epoch")}
        facts |= {f"{name}_{epoch}": loss for name in LOSSES for epoch, loss in enumerate(one.losses(name), 1)}
        rows += [
            {"config": one.name, "domain": domain} | facts | one.means(domain)
            for domain in DOMAIN_NAMES
            if domain in one.evaluate
        ]
    return pd.DataFrame(rows)


def describe_ablations(table: pd.DataFrame) -> str:
    """Return ablations.md: tables 3 and 4 of the paper with ours beside them."""
    table = paper.add_ablations(table[table["config"] != "baseline"])
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
        [row["config"], *(_arrows(row, f"{whose}{name}_") for whose in ("", "paper_") for name in LOSSES)]
        for row in table.drop_duplicates("config").to_dict("records")
    ]
    first, *others = (metric.short for metric in published)
    header = ["", "trained", *(metric.short for metric in metrics), f"paper: {first}", *others]
    return join_parts(
        [
            "# Ablations beside the paper",
            "Ours are of this repository's pictures and networks, the paper's of its own: compare the order of the "
            "configurations, not values. Losses under different lambdas can't be compared with each other.",
            markdown(header, scores),
            markdown(["", "training loss", "validation loss", "paper: training", "validation"], losses),
            "![learning curves](ablations.png)",
        ]
    )


def _arrows(row: Mapping[str, Any], prefix: str) -> str:
    """Return the losses of all epochs: `0.0400 → 0.0200`."""
    values = [value for key, value in row.items() if key.startswith(prefix) and not pd.isna(value)]
    return " → ".join(f"{value:.4f}" for value in values) or DASH


def collect_methods(
    names: Sequence[str], folder: Path, repository: Path, read_costs: Callable[[str], Costs]
) -> list[Path]:
    """Write methods.csv and methods.md into a folder.

    Args:
        read_costs: experiment → the metrics of its training run, which its commit does not hold.

    Raises:
        UserError: as `read_experiments`, or an experiment's training was not recorded.
    """
    table = tabulate_methods(read_experiments(names, repository), {name: read_costs(name) for name in names})
    return _write(folder, "methods", table, describe_methods(table))


def tabulate_methods(experiments: Sequence[Experiment], costs: Mapping[str, Costs]) -> pd.DataFrame:
    """Return a row per experiment and domain: what was trained, its costs, and the means of the fine-tuned model."""
    rows = []
    for one in experiments:
        facts = {key: one.train[key] for key in ("trained_parameters", "trained_share", "steps")}
        facts |= {key: costs[one.name][key] for key in COSTS if key in costs[one.name]}
        rows += [
            {"experiment": one.name, "domain": domain} | facts | one.means(domain)
            for domain in DOMAIN_NAMES
            if domain in one.evaluate
        ]
    return pd.DataFrame(rows)


def describe_methods(table: pd.DataFrame) -> str:
    """Return methods.md: the costs, then the scores of each domain."""
    costs = []
    for row in table.drop_duplicates("experiment").to_dict("records"):
        on_cuda = not pd.isna(row.get("peak_cuda_gib"))
        peak = f"{row['peak_cuda_gib']:.2f} GiB CUDA" if on_cuda else f"{row['peak_rss_gib']:.2f} GiB resident"
        share, seconds = f"{row['trained_share']:.2%}", f"{row['seconds_per_step']:.3f}"
        costs.append([row["experiment"], f"{row['trained_parameters']:,}", share, str(row["steps"]), seconds, peak])
    parts = [
        "# Methods beside each other",
        "The same pictures, seed, loss and number of steps. Seconds are of training steps alone. Peak memory is of one "
        "process: on CUDA what torch had allocated while steps ran, on a CPU all of the process's resident memory.",
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


def collect_seeds(names: Sequence[str], folder: Path, repository: Path) -> list[Path]:
    """Write seeds.csv and seeds.md into a folder, from experiments that differ in `train.seed` alone.

    Raises:
        UserError: fewer than two names, or as `read_experiments`.
    """
    if len(set(names)) < 2:
        raise UserError(f"seeds: {len(set(names))} experiment has no spread; name two or more, one training seed each")
    table = tabulate_seeds(read_experiments(names, repository))
    return _write(folder, "seeds", table, describe_seeds(table))


def tabulate_seeds(experiments: Sequence[Experiment]) -> pd.DataFrame:
    """Return a row per domain, kind (finetuned, gain) and headline metric that every experiment has.

    Columns: domain, kind, measure, seeds, mean and sd_seeds (over them), se_pictures, ci_lo, ci_hi (the mean of the
    runs' intervals over pictures), n (edits), clusters (source pictures).
    """
    found = [dict(_headline_estimates(one.evaluate)) for one in experiments]
    shared = [key for key in found[0] if all(key in estimates for estimates in found)]
    if not shared:
        return pd.DataFrame()
    values = {
        name: np.array([[estimates[key][name] for key in shared] for estimates in found])  # seeds × metrics
        for name in ("mean", "ci_lo", "ci_hi")
    }
    mean, deviation = between_seeds(values["mean"])
    table = pd.DataFrame(shared, columns=["domain", "kind", "measure"]).assign(
        seeds=len(found), mean=mean, sd_seeds=deviation, se_pictures=over_pictures(values["ci_lo"], values["ci_hi"])
    )
    ends = {name: values[name].mean(0) for name in ("ci_lo", "ci_hi")}
    return table.assign(**ends, **{name: [found[0][key][name] for key in shared] for name in ("n", "clusters")})


def describe_seeds(table: pd.DataFrame) -> str:
    """Return seeds.md: that table, a section per domain."""
    parts = [
        "# Spread between training seeds",
        "Standard deviation between seeds: what another training would have given. Standard error over pictures: what "
        "other test pictures would have given, of one training. The interval is over pictures too.",
    ]
    header = ["", "mean", "sd between seeds", "se over pictures", "95 % over pictures", "seeds", "pictures"]
    for domain, part in table.groupby("domain", sort=False):
        rows = [
            [
                f"{row.measure}, {KINDS[row.kind]}", f"{row.mean:.4g}", f"{row.sd_seeds:.2g}", f"{row.se_pictures:.2g}",
                f"{row.ci_lo:.4g} … {row.ci_hi:.4g}", f"{row.seeds}", f"{row.clusters}",
            ]
            for row in part.itertuples()
        ]  # fmt: skip
        parts += [f"## {domain.capitalize()} domain", markdown(header, rows)]
    return join_parts(parts)


def _headline_estimates(report: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str, str], Mapping[str, float]]]:
    """Yield (domain, kind, metric) and the estimate of an evaluation's headline metrics."""
    for domain in DOMAIN_NAMES:
        part = report.get(domain, {})
        for kind in KINDS:
            estimates = part.get(kind, {})
            yield from (((domain, kind, m.headline), estimates[m.key]) for m in view("headline") if m.key in estimates)
            area = part.get("frontier", {}).get(kind, {}).get("area")
            if area:
                yield (domain, kind, "frontier"), area


def _write(folder: Path, stem: str, table: pd.DataFrame, page: str) -> list[Path]:
    written = {folder / f"{stem}.csv": to_csv(table), folder / f"{stem}.md": page}
    for path, text in written.items():
        write_text(path, text)
    return list(written)
