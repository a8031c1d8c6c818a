"""Run named configurations of a study as DVC experiments: the paper's ablations, and the methods of fine-tuning."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click import ClickException

from atelier.cli.repository import PARAMS, PIPELINE, Study
from atelier.common.errors import UserError
from atelier.common.notices import notice
from atelier.config import parse_yaml, read_params


@dataclass(frozen=True)
class Configuration:
    """What an experiment changes of the study's parameters."""

    lr_factor: float  # its train.lr, as a multiple of the study's
    changes: Mapping[str, Any]  # section.key → value


def _ablation(lr_factor: float, lambda_preserve: float, unfreeze: str) -> Configuration:
    fixed = {"train.loss": "preserve", "train.epochs": 2}
    return Configuration(lr_factor, fixed | {"train.lambda_preserve": lambda_preserve, "train.unfreeze": unfreeze})


def _method(lr_factor: float, name: str) -> Configuration:
    """Return a method's configuration; patience equals epochs, so that none stops early."""
    return Configuration(lr_factor, {"train.method": name, "train.epochs": 4, "train.patience": 4})


# The paper's configurations (section 5). Its rates are 1e-5, 2e-5, 5e-6 and 1e-5; the full-size preset's train.lr is
# 1e-5, and the embedded study's, 1e-3, suits its small editor. The number of triplets is the study's 2,000, not the
# paper's 1,500, so that the stages before `train` and the baseline's edits come from DVC's cache.
ABLATIONS = {
    "A": _ablation(1, 0.5, "attn+mid+up"),
    "B": _ablation(2, 0.8, "attn+mid+up"),
    "C": _ablation(0.5, 0.3, "attn+mid"),
    "D": _ablation(1, 0.5, "attn+mid+res"),
}
# LoRA adapters need a higher rate than the full tensors.
METHODS = {"selective": _method(1, "selective"), "full": _method(1, "full"), "lora": _method(4, "lora")}


def run_missing(
    study: Study, names: Sequence[str], known: Mapping[str, Configuration], begin: Callable[[], None] = lambda: None
) -> dict[str, str]:
    """Run the named configurations that have no experiment on the current commit, one after another.

    Each runs in a temporary copy of the workspace, which stays as it is. A name that is no configuration stands for
    an experiment that was run by hand.

    Args:
        begin: called before each experiment that is run.

    Returns label → name of its DVC experiment.

    Raises:
        UserError: an experiment of the name was run with other parameters, or the study's parameters are wrong.
        ClickException: an experiment failed.
    """
    labels = dict.fromkeys(names)
    experiments = {name: study.experiment(name) if name in known else name for name in labels}
    wanted = [name for name in labels if name in known]
    if wanted:
        _check_in_git(study)
    present = _present(study)
    for name in wanted:
        changes, experiment = changes_of(study, known[name]), experiments[name]
        if commit := present.get(experiment):
            _check_equal(study, experiment, commit, changes)
            notice(f"{experiment}: kept, it exists for this commit; to run it again: dvc exp remove {experiment}")
        else:
            begin()
            _run(study, experiment, changes)
    return experiments


def changes_of(study: Study, configuration: Configuration) -> dict[str, Any]:
    """Return section.key → value of all that a configuration changes in a study.

    Raises:
        UserError: the study's parameters are wrong.
    """
    rate = read_params(study.root / study.path(PARAMS)).train.lr * configuration.lr_factor
    return {"train.lr": float(f"{rate:.12g}"), **configuration.changes}  # 3 * 1e-5 is 3.0000000000000004e-05


def _run(study: Study, experiment: str, changes: Mapping[str, Any]) -> None:
    sets = [word for key, value in changes.items() for word in ("-S", f"{study.path(PARAMS)}:{key}={value}")]
    command = [sys.executable, "-m", "dvc", "exp", "run", "--temp", "--name", experiment, *sets, study.path(PIPELINE)]
    place = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # the stages call `python`
    result = subprocess.run(command, cwd=study.root, env=os.environ | {"PATH": place}, check=False)
    if result.returncode:
        raise ClickException(f"experiment {experiment} failed (see above); the tables are as they were")


def _present(study: Study) -> dict[str, str]:
    """Return the experiments on the current commit: name → commit.

    Raises:
        UserError: the study is not in a DVC repository with a commit.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(study.root)) as repo:
            return dict(pair for pairs in repo.experiments.ls().values() for pair in pairs)
    except DvcException as error:
        raise UserError(f"{study.root}: {' '.join(str(error).split())}") from None


def _check_in_git(study: Study) -> None:
    """Refuse a study that git does not know: the temporary copy has only what it knows.

    Raises:
        UserError: in one line, with the command that adds it.
    """
    command = ["git", "ls-files", "--error-unmatch", study.path(PIPELINE), study.path(PARAMS)]
    if subprocess.run(command, cwd=study.root, capture_output=True, check=False).returncode:
        raise UserError(f"{study.path(PIPELINE)}: git does not know it, so DVC cannot copy it: git add {study.folder}")


def _check_equal(study: Study, experiment: str, commit: str, changes: Mapping[str, Any]) -> None:
    """Refuse an experiment that was run with other parameters than it would be now.

    Raises:
        UserError: in one line, with the parameters.
    """
    import dvc.api

    path = study.path(PARAMS)
    ran = _flat(parse_yaml(dvc.api.read(path, repo=str(study.root), rev=commit), f"{path} of {experiment}"))
    now = _flat(read_params(study.root / path).model_dump()) | changes
    if differing := [key for key in now if ran.get(key) != now[key]]:
        raise UserError(
            f"experiment {experiment} was run with other parameters ({', '.join(differing[:3])}); to run it again: "
            f"dvc exp remove {experiment}"
        )


def _flat(values: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{section}.{key}": value for section, pairs in values.items() for key, value in pairs.items()}
