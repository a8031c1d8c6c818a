"""What README.md and scripts/ablations.sh tell people to type: the files, targets, parameters and values are real."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from import_graph import ROOT
from ruamel.yaml import YAML

from atelier.config import read_params

README = (ROOT / "README.md").read_text(encoding="utf-8")
JOINED = README.replace("\\\n", " ")  # a command on several lines is one command
EXPERIMENTS = re.findall(r"(?m)dvc exp run (?:--temp -n (\S+) )?((?:\s*-S (?:'[^']+'|\S+))+)", JOINED)
PARAMS = ROOT / "params.yaml"


def overridden(overrides: dict[str, str], folder: Path) -> Path:
    """The shipped parameters with `section.key` set to the texts given, as `dvc exp run -S` sets them."""
    yaml = YAML()
    values = yaml.load(PARAMS)
    for key, text in overrides.items():
        section, name = key.split(".")
        assert name in values[section], f"params.yaml has no {key}: `-S` would change nothing"
        values[section][name] = YAML(typ="safe").load(text)
    path = folder / "params.yaml"
    yaml.dump(values, path)
    return path


def pairs(text: str) -> dict[str, str]:
    """ "-S a.b=1 -S c.d=2" → {"a.b": "1", "c.d": "2"}"""
    return dict(word.split("=", 1) for word in shlex.split(text) if word != "-S")


def configurations() -> dict[str, dict[str, str]]:
    """Name → overrides of the rows in scripts/ablations.sh, taken from what it would queue."""
    queued = re.findall(r"(?m)^(?:configurations=\")?\s*([A-Z])  (\S+)\s+(\S+)\s+(\S+?)\"?$", script())
    fixed = pairs(" ".join(re.findall(r"-S [a-z_.]+=[a-z0-9]+", script())))
    keys = ("train.lr", "train.lambda_preserve", "train.unfreeze")
    return {name: {**fixed, **dict(zip(keys, values, strict=True))} for name, *values in queued}


def script() -> str:
    return (ROOT / "scripts" / "ablations.sh").read_text(encoding="utf-8")


def test_the_ablations_are_the_paper_s_four_with_its_learning_rates_times_100():
    paper = {
        "A": (0.5, 1e-5, "attn+mid+up"), "B": (0.8, 2e-5, "attn+mid+up"),
        "C": (0.3, 5e-6, "attn+mid"), "D": (0.5, 1e-5, "attn+mid+res"),
    }  # fmt: skip
    ours = configurations()
    assert list(ours) == list(paper)
    for name, (weight, lr, unfreeze) in paper.items():
        assert float(ours[name]["train.lambda_preserve"]) == weight
        assert float(ours[name]["train.lr"]) == pytest.approx(100 * lr)
        assert ours[name]["train.unfreeze"] == unfreeze
        assert ours[name]["train.loss"] == "preserve"
        assert ours[name]["train.epochs"] == "2"


def test_the_readme_gives_the_same_four_commands():
    documented = {name: pairs(text) for name, text in EXPERIMENTS if len(name) == 1}
    assert documented == configurations()


@pytest.mark.parametrize(("name", "text"), EXPERIMENTS)
def test_every_documented_experiment_changes_parameters_that_exist(name, text, tmp_path):
    read_params(overridden(pairs(text), tmp_path))


def test_every_file_of_the_tree_is_there():
    (tree,) = re.findall(r"(?s)## What is where\n\n```\n(.*?)```", README)
    folder = ""
    for line in tree.splitlines():
        names = re.split(r"\s{2,}", line.strip())[0].split(", ")
        if not line.startswith(" "):
            folder = names[0] if names[0].endswith("/") else ""
        for name in names:
            path = ROOT / (folder + name if line.startswith(" ") else name)
            made = name in ("data/", "models/finetuned")  # by the stages
            assert path.exists() or made, f"README.md names {path.relative_to(ROOT)}"


def test_every_make_target_it_names_is_there():
    for target in set(re.findall(r"(?m)(?:^|`)make ([a-z]+)", README)):
        result = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr


def test_make_help_lists_every_target():
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    (phony,) = re.findall(r"(?m)^\.PHONY: (.*)$", (ROOT / "Makefile").read_text())
    assert [line.split()[0] for line in listed.splitlines()] == phony.split()
