"""dvc.yaml as values, and what it takes from git that no stage makes."""

import shutil
from pathlib import Path

from import_graph import ROOT
from ruamel.yaml import YAML

PIPELINE = YAML(typ="safe").load(ROOT / "dvc.yaml")
STAGES = {name: stage.get("do", stage) for name, stage in PIPELINE["stages"].items()}  # of generate, what both share


def copy_tables(where: Path) -> None:
    """The results of `make ablations` and `make methods`, which the report page shows, into a folder that is run in."""
    for table in ("metrics/ablations.csv", "metrics/methods.csv"):
        (where / table).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / table, where / table)


def outputs(stage: dict) -> list[str]:
    """The paths of a stage's outputs and metrics, without their options."""
    entries = [entry for key in ("outs", "metrics") for entry in stage.get(key, [])]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def commands(stage: str, editor: str) -> list[list[str]]:
    """The words of a stage's command, or of each of its commands, after `python -m`; `editor` is the base editor.

    What launches training is a parameter; here it is its default, python.
    """
    variants = PIPELINE["stages"][stage].get("foreach", {"": {"weights": ""}})
    texts = [
        STAGES[stage]["cmd"]
        .replace("${train.launcher}", "python")
        .replace("${key}", key)
        .replace("${item.weights}", item["weights"])
        for key, item in variants.items()
    ]
    assert all(text.startswith(f"python -m stages.{stage} ") for text in texts)
    return [text.replace("${models.editor}", editor).split()[2:] for text in texts]
