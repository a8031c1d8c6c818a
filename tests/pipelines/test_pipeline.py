"""dvc.yaml against the code it runs, and the committed dvc.lock against the parameters."""

import ast
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import forks
import pytest
from click.testing import CliRunner
from import_graph import ROOT, nodes
from pipelines import PIPELINE, STAGES, commands, outputs
from ruamel.yaml import YAML

from atelier.config import Params, read_params

NAMES = ["prepare", "pair", "mask", "train", "generate", "evaluate"]


def sections_read(file: Path) -> set[str]:
    """The sections of params.yaml that a stage script takes from what `read_params` gives it.

    Fails where all parameters are passed on, which hides what is read; evaluate is exempt: its page shows them all.
    """
    calls = [node for node in nodes(file) if isinstance(node, ast.Call) and ast.unparse(node.func) == "read_params"]
    kept = [node for node in nodes(file) if isinstance(node, ast.Assign) and node.value in calls]
    names = {target.id for node in kept for target in node.targets}
    loads = [node for node in nodes(file) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    whole = [call for call in calls if call not in [node.value for node in kept]]
    whole += [node for node in loads if node.id in names]
    taken = {node.value: node.attr for node in nodes(file) if isinstance(node, ast.Attribute)}
    assert calls
    if file.name == "evaluate.py":
        return set(Params.model_fields)
    assert [ast.unparse(node) for node in whole if node not in taken] == [], f"{file.name}: handed on whole"
    return {taken[node] for node in whole}


def test_the_six_stages_in_reading_order_read_every_section():
    assert list(STAGES) == NAMES
    assert {section for stage in STAGES.values() for section in stage["params"]} == set(Params.model_fields)


@pytest.mark.parametrize("name", NAMES)
def test_params_are_the_sections_that_the_stage_reads(name):
    """A key under a section that no stage declares is accepted by `-S` and changes nothing."""
    assert set(STAGES[name]["params"]) == sections_read(ROOT / "stages" / f"{name}.py")


def test_no_other_pipeline_makes_what_this_one_depends_on():
    """`dvc repro` would run it first, whichever dvc.yaml it stands in: hours of training the base models, say."""
    needed = {ROOT / dep for stage in STAGES.values() for dep in stage["deps"] if not dep.startswith(("${", "data/"))}
    for file in sorted(ROOT.glob("*/dvc.yaml")) + sorted(ROOT.glob("studies/*/dvc.yaml")):
        for name, stage in YAML(typ="safe").load(file)["stages"].items():
            folder = file.parent / stage.get("wdir", ".")
            made = {(folder / path).resolve() for path in outputs(stage.get("do", stage))}
            clash = {one for one in made for dep in needed if one == dep or one in dep.parents or dep in one.parents}
            assert clash == set(), f"{file.relative_to(ROOT)}: {name}"


def test_the_folder_that_an_editor_is_read_from_is_a_dependency():
    editors = PIPELINE["stages"]["generate"]["foreach"]
    assert editors["baseline"] == {"weights": "${models.editor}", "folder": "models/base/editor"}
    assert editors["finetuned"] == {"weights": "models/finetuned", "folder": "models/finetuned"}
    assert "${item.folder}" in STAGES["generate"]["deps"]
    assert read_params(ROOT / "params.yaml").models.editor == "models/base/editor"


@pytest.mark.parametrize("name", NAMES)
def test_a_command_has_every_output_no_undeclared_path_and_the_options_of_its_help(name):
    stage, words = STAGES[name], set(STAGES[name]["cmd"].split())
    paths = {word for word in words if "/" in word or word == "params.yaml"}
    assert set(outputs(stage)) <= paths <= {*stage["deps"], *outputs(stage), "params.yaml"}
    result = CliRunner().invoke(importlib.import_module(f"stages.{name}").main, ["--help"])
    assert result.exit_code == 0
    options = {word for word in result.output.split() if word.startswith("--")} - {"--help"}
    assert {word for word in words if word.startswith("--")} == options


@pytest.mark.parametrize("name", NAMES)
def test_reports_stand_in_git(name):
    entries = [entry for key in ("metrics", "outs") for entry in STAGES[name].get(key, [])]
    small = {path: options for entry in entries if isinstance(entry, dict) for path, options in entry.items()}
    assert all(path.startswith("metrics/") and options == {"cache": False} for path, options in small.items())
    cached = {entry for entry in entries if isinstance(entry, str) and entry.startswith("metrics/")}
    assert cached <= {"metrics/report/index.html"}  # megabytes of pictures


@pytest.fixture
def broken(tmp_path: Path, monkeypatch) -> Path:
    """A parameters file with an unknown key, in an otherwise empty working directory."""
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text().replace("\ntrain:\n", "\ntrain:\n  wrong_key: 1\n"))
    monkeypatch.chdir(tmp_path)
    return path


BROKEN = "Error: params.yaml: train.wrong_key: Extra inputs are not permitted (it is 1)\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_broken_params_file_is_one_line_and_exit_code_2(name, broken):
    module, *words = commands(name, "models/base/editor")[0]
    result = CliRunner().invoke(importlib.import_module(module).main, words)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", BROKEN)
    assert list(broken.parent.iterdir()) == [broken]  # no run, no output


def test_a_stage_as_a_process_of_its_own_does_the_same(broken):
    command = [sys.executable, "-m", *commands("prepare", "")[0]]
    environment = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PATH": "/usr/bin:/bin"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (2, "", BROKEN)


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """What a fresh clone has and DVC looks at: no data, no cache."""
    assert (ROOT / "dvc.lock").exists(), "dvc.lock is missing: run `make repro` and commit what it leaves"
    for name in ("dvc.yaml", "dvc.lock", "params.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("src", "stages", "models/base", "metrics"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    analytics = false\n    no_scm = true\n")
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_an_edited_parameter_makes_its_stage_run_and_none_before_it(fresh, name):
    params = YAML().load(fresh / "params.yaml")
    key = next(key for key, value in params[name].items() if isinstance(value, int | float))
    params[name][key] += 1
    YAML().dump(params, fresh / "params.yaml")
    result = forks.run(["-m", "dvc", "repro", "--allow-missing", "--dry"], fresh, dict(os.environ))
    assert "Data and pipelines are up to date." not in result.stdout
    skipped = {line.split("'")[1] for line in result.stdout.splitlines() if "didn't change" in line}
    assert {stage.split("@")[0] for stage in skipped} >= {*NAMES[: NAMES.index(name)]} - {"generate"}
    assert name not in skipped
