"""Every study's dvc.yaml against the code it runs, its parameters and its committed dvc.lock."""

import ast
import importlib
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import forks
import pytest
from click.testing import CliRunner
from dvc.parsing import DataResolver
from dvc.repo import Repo
from import_graph import ROOT, imports, modules, nodes
from pipelines import is_own_study, outputs, show
from ruamel.yaml import YAML

from atelier.config import Params

FOLDERS = {
    file.parent.name: file.parent for file in sorted(ROOT.glob("studies/*/dvc.yaml")) if not is_own_study(file.parent)
}
FOLDERS.pop("losses")  # it uses the root's parameters and the outputs of the root's stages
FOLDERS.pop("photographs")  # it has the root's stages (test_photographs.py)


def plan(study: str) -> dict[str, Any]:
    """Read the study's parameters."""
    return YAML(typ="safe").load(FOLDERS[study] / "params.yaml")


CASES = [
    (study, name) for study, folder in FOLDERS.items()
    for name in YAML(typ="safe").load(folder / "dvc.yaml")["stages"]
]  # fmt: skip
each_stage = pytest.mark.parametrize(("study", "name"), CASES)


@cache
def stages_of(study: str, name: str = "") -> list[dict[str, Any]]:
    """Return the stages of one name, or all of the study, as DVC expands `foreach`, `matrix` and `${…}`."""
    folder = FOLDERS[study]
    written = YAML(typ="safe").load(folder / "dvc.yaml")
    found = DataResolver(Repo(ROOT), str(folder), written).resolve()["stages"]
    return [stage for key, stage in found.items() if name in ("", key.partition("@")[0])]


def script_of(stage: dict) -> str:
    """Return the dotted name of the module that a stage runs."""
    words = stage["cmd"].split()
    assert words[:3] == ["PYTHONPATH=src", "python", "-m"]
    return words[3]


@each_stage
def test_a_stage_that_runs_a_network_sets_the_number_of_threads(study, name):
    """Results depend on it and must be the same on all machines."""
    for stage in stages_of(study, name):
        if any(dep.startswith("models/") for dep in stage["deps"]):
            assert "atelier.common.threads.set_threads" in imports(modules("studies")[script_of(stage)])


def sections_read(file: Path, sections: set[str]) -> set[str]:
    """Return the sections that a script uses of the parameters it reads.

    The parameters are the names assigned from a `read_…` call of the study's config. The script may pass them on as a
    whole to its own functions only.
    """
    calls = [
        node for node in nodes(file)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func).startswith("read_") and "params" in ast.unparse(node.value)
    ]  # fmt: skip
    names = {target.id for node in calls for target in node.targets if isinstance(target, ast.Name)}
    assert names, f"{file}: reads no parameters"
    own = {node.name for node in nodes(file) if isinstance(node, ast.FunctionDef)}
    handed = [
        node.func for node in nodes(file)
        if isinstance(node, ast.Call) for arg in node.args if isinstance(arg, ast.Name) and arg.id in names
    ]  # fmt: skip
    assert {ast.unparse(func) for func in handed} <= own, f"{file}: passes all its parameters on"
    return {
        node.attr for node in nodes(file)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        and node.value.id in names and node.attr in sections
    }  # fmt: skip


@each_stage
def test_params_are_the_sections_that_the_stage_reads(study, name):
    """`-S` accepts a key in a section that no stage declares, without effect."""
    own = f"studies/{study}/params.yaml"
    for stage in stages_of(study, name):
        declared = {key: set(value) for entry in stage.get("params", []) for key, value in entry.items()}
        if own not in stage["cmd"]:
            assert declared == {}
        else:
            assert declared == {own: sections_read(modules("studies")[script_of(stage)], set(plan(study)))}


@pytest.mark.parametrize("study", FOLDERS)
def test_every_section_is_read_and_has_a_name_that_the_root_does_not_use(study):
    entries = [entry for stage in stages_of(study) for entry in stage.get("params", [])]
    declared = {section for entry in entries for sections in entry.values() for section in sections}
    assert declared == set(plan(study))
    assert declared & set(Params.model_fields) == set()


@each_stage
def test_every_path_in_a_command_is_declared(study, name):
    for stage in stages_of(study, name):
        declared = [Path(path) for path in (*stage["deps"], *outputs(stage), f"studies/{study}/params.yaml")]
        paths = [Path(word) for word in stage["cmd"].split() if "/" in word]
        assert [path for path in paths if not any(one in (path, *path.parents) for one in declared)] == []
        assert {Path(path) for path in outputs(stage)} <= set(paths)
        assert stage["wdir"] == "../.."


@each_stage
def test_help_names_every_option_of_the_command(study, name):
    stage = stages_of(study, name)[0]
    result = CliRunner().invoke(importlib.import_module(script_of(stage)).main, ["--help"])
    assert result.exit_code == 0
    used, named = ({word for word in text.split() if word.startswith("--")} for text in (stage["cmd"], result.output))
    assert used <= named


@each_stage
def test_git_tracks_the_reports_and_ignores_other_outputs(study, name):
    for stage in stages_of(study, name):
        for entry in (entry for key in ("outs", "metrics") for entry in stage.get(key, [])):
            path, options = next(iter(entry.items())) if isinstance(entry, dict) else (entry, {})
            checked = subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False)
            assert (checked.returncode == 0) == options.get("cache", True), path


@each_stage
def test_a_broken_params_file_is_one_line_and_exit_code_2(study, name, tmp_path, monkeypatch):
    stage, path = stages_of(study, name)[0], f"studies/{study}/params.yaml"
    if path not in stage["cmd"]:
        pytest.skip("the stage has no parameters")
    values = plan(study)
    section = next(key for key, value in values.items() if isinstance(value, dict))
    values[section]["wrong_key"] = 1
    (tmp_path / path).parent.mkdir(parents=True)
    YAML().dump(values, tmp_path / path)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(importlib.import_module(script_of(stage)).main, stage["cmd"].split()[4:])
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"Error: {path}: {section}.wrong_key: ")
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [tmp_path / path]  # no output


@pytest.mark.slow
@pytest.mark.parametrize("study", FOLDERS)
def test_a_fresh_clone_is_up_to_date_and_a_change_is_noticed(study, tmp_path):
    """Parameters, code, base models and reports are those in dvc.lock."""
    assert (FOLDERS[study] / "dvc.lock").exists(), f"{study}: run the study and commit its dvc.lock"
    names = [".dvcignore", "params.yaml", "src", "stages", "studies/__init__.py", "studies/common", f"studies/{study}"]
    names += {dep for stage in stages_of(study) for dep in stage["deps"] if dep.startswith("models/base/")}
    listed = subprocess.check_output(["git", "ls-files", "-zco", "--exclude-standard", *names], cwd=ROOT, text=True)
    for name in listed.split("\0")[:-1]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    analytics = false\n    no_scm = true\n")

    show(tmp_path, f"studies/{study}")

    def dry_run() -> subprocess.CompletedProcess:
        words = ["-m", "dvc", "repro", "--allow-missing", "--dry", f"studies/{study}/dvc.yaml"]
        return forks.run(words, tmp_path, dict(os.environ))

    result = dry_run()
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Data and pipelines are up to date." in result.stdout, result.stdout
    values = plan(study)
    section, key = next(
        (section, key) for section, own in values.items() if isinstance(own, dict)
        for key, value in own.items() if type(value) in (int, float)
    )  # fmt: skip
    values[section][key] += 1
    YAML().dump(values, tmp_path / f"studies/{study}/params.yaml")
    assert "Data and pipelines are up to date." not in dry_run().stdout
