"""The ablations' results, collected from DVC's experiments into one table, a comparison with the paper, and curves.

An experiment is a commit under refs/exps/<its baseline>/<its name>, and metrics stand in git: so they are read from
there, without checking anything out. Run `make ablations` to make and collect them.
"""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from atelier.common.errors import UserError
from atelier.common.files import atomic_write
from atelier.metrics.registry import beside_paper
from atelier.report import paper
from atelier.report.figures import plot_losses
from atelier.report.tables import DOMAIN_NAMES
from atelier.stats.tables import DASH, join_parts, markdown, number, to_csv

TRAIN, EVALUATE = "metrics/train.json", "metrics/evaluate.json"


@dataclass(frozen=True)
class Experiment:
    """One finished experiment: its name and the reports of its train and evaluate stages."""

    name: str
    train: dict[str, Any]
    evaluate: dict[str, Any]

    def losses(self, kind: str) -> list[float]:
        """train_loss or val_loss of epochs 1, 2, … (a validation before training, epoch 0, is left out)."""
        return [loss for epoch, loss in sorted(self.train[kind].items(), key=_epoch) if epoch != "epoch_0"]


def collect(names: Sequence[str], folder: Path, repository: Path) -> list[Path]:
    """Write ablations.csv, ablations.md and ablations.png into a folder, from the experiments of these names.

    Raises:
        UserError: an experiment is not there, or did not get to its metrics.
    """
    revisions = find_experiments(names, repository)
    experiments = [read_experiment(name, revision, repository) for name, revision in revisions.items()]
    curves = {one.name: {kind: one.losses(kind) for kind in ("train_loss", "val_loss")} for one in experiments}
    written = [folder / f"ablations.{kind}" for kind in ("csv", "md", "png")]
    with atomic_write(written[0]) as path:
        path.write_text(to_csv(tabulate(experiments)), encoding="utf-8")
    with atomic_write(written[1]) as path:
        path.write_text(compare_with_paper(experiments), encoding="utf-8")
    with atomic_write(written[2]) as path:
        plot_losses(curves, path)
    return written


def find_experiments(names: Sequence[str], repository: Path) -> dict[str, str]:
    """Name → commit. Of several with one name, the one based on the newest commit in HEAD's history.

    Raises:
        UserError: there is none of that name.
    """
    found: dict[str, dict[str, str]] = {}
    for line in _git(repository, "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps").splitlines():
        commit, reference = line.split(" ", 1)
        parts = reference.split("/")  # refs, exps, first two digits of the baseline, the other 38, name
        if len(parts) == 5 and parts[4] in names:
            found.setdefault(parts[4], {})[parts[2] + parts[3]] = commit
    history = _git(repository, "rev-list", "HEAD").split()
    chosen = {}
    for name in names:
        based = found.get(name, {})
        baseline = next((revision for revision in history if revision in based), None)
        if baseline is None:
            raise UserError(
                f"experiment {name}: not among this branch's; `make ablations` runs it, `dvc exp list` lists"
            )
        chosen[name] = based[baseline]
    return chosen


def read_experiment(name: str, revision: str, repository: Path) -> Experiment:
    """The reports in an experiment's commit.

    Raises:
        UserError: a report is missing there or is not JSON.
    """
    reports = []
    for path in (TRAIN, EVALUATE):
        try:
            reports.append(json.loads(_git(repository, "show", f"{revision}:./{path}")))
        except (UserError, json.JSONDecodeError):
            raise UserError(f"experiment {name} ({revision[:7]}): no readable {path}; did it finish?") from None
    return Experiment(name, *reports)


def tabulate(experiments: Sequence[Experiment]) -> pd.DataFrame:
    """A row per configuration and domain: trained_share, best_epoch, losses per epoch, the fine-tuned model's means.

    The first rows are the baseline's, which no configuration touches.
    """
    rows = [
        {"config": "baseline", "domain": domain, "trained_share": 0.0}
        | _means(experiments[0].evaluate[domain]["baseline"])
        for domain in DOMAIN_NAMES
        if domain in experiments[0].evaluate
    ]
    for one in experiments:
        facts = {key: one.train[key] for key in ("trained_share", "best_epoch")}
        for kind in ("train_loss", "val_loss"):
            facts |= {f"{kind}_{epoch}": loss for epoch, loss in enumerate(one.losses(kind), 1)}
        for domain in DOMAIN_NAMES:
            if domain in one.evaluate:
                place = {"config": one.name, "domain": domain}
                rows.append(place | facts | _means(one.evaluate[domain]["finetuned"]))
    return pd.DataFrame(rows)


def compare_with_paper(experiments: Sequence[Experiment]) -> str:
    """Markdown: tables 3 and 4 of the paper with ours beside them."""
    reported = {(row.label, row.domain): row for row in paper.ABLATIONS}
    metrics, scores, losses = beside_paper("paper"), [], []
    for one in experiments:
        for domain, (ours, theirs) in DOMAIN_NAMES.items():
            if domain in one.evaluate:
                cells = one.evaluate[domain]["finetuned"]
                values = [number(cells.get(metric.key), metric.decimals) for metric in metrics]
                row = reported.get((one.name, domain))
                given = [row.text(m.paper_key, m.decimals) if row else DASH for m in metrics if m.paper_key]
                share = f"{one.train['trained_share']:.2%}"
                scores.append([f"{one.name}, {ours} ({theirs})", share, *values, *given])
        given = paper.ABLATION_LOSSES.get(one.name, ((), ()))
        losses.append([one.name, *(_arrows(one.losses(k)) for k in ("train_loss", "val_loss")), *map(_arrows, given)])
    published = [metric.short for metric in metrics if metric.paper_key]
    header = ["", "trained", *(metric.short for metric in metrics), f"paper: {published[0]}", *published[1:]]
    parts = [
        "# Ablations beside the paper",
        "Ours are of this repository's pictures and networks, the paper's of its own: compare the order of the "
        "configurations, not values. Losses under different lambdas can't be compared with each other.",
        markdown(header, scores),
        markdown(["", "training loss", "validation loss", "paper: training", "validation"], losses),
        "![learning curves](ablations.png)",
    ]
    return join_parts(parts)


def _arrows(losses: Sequence[float]) -> str:
    return " → ".join(f"{loss:.4f}" for loss in losses) or DASH


def _means(cells: dict[str, dict[str, float]]) -> dict[str, float]:
    return {measure: cell["mean"] for measure, cell in cells.items()}


def _epoch(item: tuple[str, float]) -> int:
    return int(item[0].removeprefix("epoch_"))


def _git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=repository, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"git {arguments[0]}: {' '.join(done.stderr.split())}")
    return done.stdout
