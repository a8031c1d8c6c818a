"""The `atelier` command."""

import re
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner
from import_graph import ROOT

from atelier.cli import main
from atelier.config import read_params

HEAVY = "torch numpy PIL pandas diffusers transformers datasets peft mlflow pydantic ruamel flask"


@pytest.mark.parametrize(
    ("imported", "unwanted"), [("atelier.cli, atelier.tracking", HEAVY), ("stages.prepare", "atelier.cli")]
)
def test_help_imports_no_slow_library_and_a_stage_no_subcommand(imported, unwanted):
    code = f"import sys, {imported}; print(*sorted(set({unwanted!r}.split()) & sys.modules.keys()))"
    environment = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""


@pytest.mark.parametrize("name", main.commands)
def test_every_command_s_help_has_an_example(name):
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert re.search(rf"(?m)Examples?:\n\s+atelier {name}\b", result.output)
    assert len(result.output.split("Usage:")[1]) > 200


def test_config_prints_its_changes_and_a_second_call_has_none(tmp_path, monkeypatch):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    first = CliRunner().invoke(main, ["config", "full-size"])
    assert first.exit_code == 0
    assert "models.editor: models/base/editor → timbrooks/instruct-pix2pix\n" in first.stdout
    assert "train.lr: 0.001 → 1e-05\n" in first.stdout
    assert read_params(tmp_path / "params.yaml").prepare.size == 512
    second = CliRunner().invoke(main, ["config", "full-size"])
    assert (second.exit_code, second.stdout) == (0, "")
    assert "params.yaml has these values already" in second.stderr


def test_blocks_of_the_full_size_editor_are_the_paper_s_and_those_of_a_folder_are_nested(tiny_editor_folder):
    result = CliRunner().invoke(main, ["blocks", "--full-size"])
    assert result.exit_code == 0
    rows = {line.split()[0]: line.split()[1:] for line in result.output.splitlines()[1:]}
    assert rows["attn+mid+up"] == ["204,885,120", "23.84%"]
    assert rows["all"] == ["859,532,484", "100.00%"]
    result = CliRunner().invoke(main, ["blocks", "--base", str(tiny_editor_folder)])
    assert result.exit_code == 0
    shares = [float(share) for share in re.findall(r"([\d.]+)%", result.output)]
    assert shares == sorted(shares)  # each set contains the one before
    assert shares[-1] == 100


@pytest.mark.parametrize(
    "words",
    [
        ["blocks", "--base", "nowhere"], ["ablations", "no-such-experiment"], ["seeds", "no-such-experiment"],
        ["config", "full-size"], ["config", "no-such-preset"], ["export", "--out", "exported"],
        ["edit", "no-such-photo.jpg", "make it red"],
    ],
)  # fmt: skip
def test_a_user_error_is_one_line_with_exit_code_2(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # outside of a repository
    result = CliRunner().invoke(main, words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(r"Error: [^\n]+\n", result.stderr)
