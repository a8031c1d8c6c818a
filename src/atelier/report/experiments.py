"""Read DVC experiments: the reports in their commits, without checking anything out.

`cli.run_experiments` runs them; `experiment_tables` and `seed_tables` make tables of them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atelier.common.errors import UserError

TRAIN, EVALUATE = "metrics/train.json", "metrics/evaluate.json"


@dataclass(frozen=True)
class Experiment:
    """One finished experiment: its name in tables and the reports of its train and evaluate stages."""

    name: str
    train: dict[str, Any]
    evaluate: dict[str, Any]

    def losses(self, name: str) -> list[float]:
        """Return train_loss or val_loss of epochs 1, 2, …, without the validation before training (epoch 0)."""
        by_epoch = {int(epoch.removeprefix("epoch_")): loss for epoch, loss in self.train[name].items()}
        return [by_epoch[epoch] for epoch in sorted(by_epoch) if epoch > 0]

    def means(self, domain: str, model: str = "finetuned") -> dict[str, float]:
        """Return a model's mean of every metric."""
        return {key: estimate["mean"] for key, estimate in self.evaluate[domain][model].items()}


def find_experiments(names: Sequence[str], repository: Path) -> dict[str, str]:
    """Return name → commit. Of several with one name, choose the one based on the newest commit in HEAD's history.

    `dvc.api.exp_show` would read all metrics of every commit, about 2 s each; listing the names takes 0.3 s in all.

    Raises:
        UserError: HEAD's history has no experiment of that name, or `repository` is not a DVC repository.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(repository)) as repo:
            by_baseline = repo.experiments.ls(all_commits=True)
            history = [commit.hexsha for commit in repo.scm.gitpython.repo.iter_commits("HEAD")]
    except DvcException as error:
        raise UserError(f"{repository}: {' '.join(str(error).split())}") from None
    newest: dict[str, str] = {}
    for baseline in history:
        newest = dict(by_baseline.get(baseline, ())) | newest
    for name in names:
        if name not in newest:
            raise UserError(f"experiment {name}: not among this branch's; `dvc exp list` lists them")
    return {name: newest[name] for name in names}


def read_report(name: str, commit: str, path: str, repository: Path) -> dict[str, Any]:
    """Read a JSON file of an experiment's commit.

    Raises:
        UserError: the file is missing there or is not JSON.
    """
    import dvc.api
    from dvc.exceptions import DvcException

    try:
        return json.loads(dvc.api.read(path, repo=str(repository), rev=commit))
    except (DvcException, OSError, json.JSONDecodeError):
        raise UserError(f"experiment {name} ({commit[:7]}): no readable {path}; did it finish?") from None


def read_experiments(names: Mapping[str, str], repository: Path, study: Path = Path()) -> list[Experiment]:
    """Read the named experiments' reports.

    Args:
        names: label in the tables → the experiment's name.
        repository: its root.
        study: folder of the experiments' pipeline, relative to the root.

    Raises:
        UserError: an experiment does not exist or lacks a report.
    """
    commits = find_experiments(list(names.values()), repository)
    paths = [(study / path).as_posix() for path in (TRAIN, EVALUATE)]
    return [
        Experiment(label, *(read_report(name, commits[name], path, repository) for path in paths))
        for label, name in names.items()
    ]
