"""DVC's commands in a clone of the repository: each exits 0 without an alarm, before and after its stages have run."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo
from import_graph import ROOT
from pipelines import PIPELINE, is_own_study

from atelier.evaluation import summary
from atelier.metrics.registry import view

ALARMS = ("ERROR", "WARNING", "failed", "Traceback")
OWN = "user.email=test@example.org -c user.name=test -c commit.gpgsign=false"


def git(words: str, folder: Path) -> str:
    """Run git, which must succeed."""
    command = ["git", "-c", *OWN.split(), *words.split()]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def dvc(folder: Path, *commands: str) -> str:
    """Run DVC's commands in one process; each must exit 0 without an alarm. Return what they print."""
    script = "import sys; from dvc.cli import main\nfor words in sys.argv[1:]: assert main(words.split()) == 0, words"
    command = [sys.executable, "-c", script, *commands]
    environment = os.environ | {"COLUMNS": "120"}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    text = result.stdout + result.stderr
    assert (result.returncode, [word for word in ALARMS if word in text]) == (0, []), f"{commands}: {text}"
    return result.stdout


def pipelines(folder: Path) -> set[str]:
    """The dvc.yaml files that DVC sees."""
    with Repo(str(folder)) as repo:
        return {Path(stage.path).relative_to(folder).as_posix() for stage in repo.index.stages}


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """The last commit as `git clone` gives it: no data, no weights of runs, no cache."""
    folder = tmp_path_factory.mktemp("clones") / "clone"
    subprocess.run(["git", "clone", "-q", "--local", str(ROOT), str(folder)], check=True)
    for key, value in (("email", "test@example.org"), ("name", "test")):
        git(f"config user.{key} {value}", folder)
    return folder


def test_dvc_sees_the_root_s_pipeline_and_no_other_that_is_in_git(clone):
    assert pipelines(clone) == {"dvc.yaml"}
    tracked = git("ls-files *dvc.yaml", ROOT).split()
    hidden = {f"/{path}" for path in tracked if not is_own_study((ROOT / path).parent)} - {"/dvc.yaml"}
    lines = (ROOT / ".dvcignore").read_text(encoding="utf-8").splitlines()
    assert {line for line in lines if line.endswith("dvc.yaml")} == hidden


def test_commands_in_a_clean_clone_exit_0_without_an_alarm(clone):
    """Nothing has been made yet: status says so, and `checkout` needs --allow-missing."""
    commands = ["status", "metrics diff", "params diff", "plots diff", "plots show", "exp diff", "exp show --no-pager"]
    shown = dvc(clone, *commands, "exp list", "queue status", "checkout --allow-missing")
    assert "studies" not in shown
    assert "not in cache:       models/finetuned" in shown
    assert git("status --short", clone) == ""
    page = (clone / "dvc_plots" / "index.html").read_text()
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(loaded) == len(set(loaded)) > 5  # each picture once
    assert all((clone / "dvc_plots" / path).is_file() for path in loaded)  # and nothing from the network
    assert len(re.findall(r"vegaEmbed\('", page)) == sum(isinstance(one, dict) for one in PIPELINE["plots"])


def test_every_plot_has_a_title_and_names_of_its_axes():
    own = [next(iter(one.values())) for one in PIPELINE["plots"] if isinstance(one, dict)]
    assert all(plot.keys() >= {"title", "x_label", "y_label"} for plot in own)


def write_headline(folder: Path, level: float) -> None:
    """Write metrics/headline.json as the evaluate stage does, for scores that are proportional to `level`."""
    estimate = {"mean": level * 10.123456, "ci_lo": 0.0, "ci_hi": 1.0, "n": 4, "clusters": 4}
    scores = dict.fromkeys([one.key for one in view("headline")], estimate)
    part = {"finetuned": scores, "baseline": scores}
    (folder / "metrics" / "headline.json").write_text(json.dumps(summary.headline({"seen": part, "unseen": part})))


@pytest.fixture(scope="module")
def made(clone: Path) -> Path:
    """A clone whose stages count as run: files stand where their outputs belong, and `dvc commit` has taken them."""
    folder = clone.with_name("made")
    shutil.copytree(clone, folder)
    with Repo(str(folder)) as repo:
        paths = [Path(out.fs_path) for out in repo.index.outs if out.use_cache]
    for path in paths:
        file = path if path.suffix else path / "weights.safetensors"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"in the place of {path.name}")
    write_headline(folder, 1.0)
    dvc(folder, "commit --force")
    git("commit -qam Made", folder)
    return folder


@pytest.mark.slow
def test_outputs_that_were_made_are_pushed_pulled_applied_and_branched(made, tmp_path):
    """`exp apply`, `exp branch`, `push` and `pull` need every output of every pipeline that DVC sees."""
    weights = made / "models" / "finetuned" / "weights.safetensors"
    before = weights.read_text()
    weights.unlink()
    weights.write_text("of an experiment")
    dvc(made, "commit --force", "exp save -n other")
    git("checkout -q .", made)
    assert "up to date" in dvc(made, "checkout", "status")
    assert weights.read_text() == before
    remote = f"remote add --local --default store {tmp_path / 'store'}"
    dvc(made, remote, "push", "exp apply other", "exp branch other heavier", "exp list")
    assert weights.read_text() == "of an experiment"
    second = tmp_path / "second"
    subprocess.run(["git", "clone", "-q", str(made), str(second)], check=True)
    assert "up to date" in dvc(second, remote, "pull", "checkout", "status")
    assert (second / "models" / "finetuned" / "weights.safetensors").read_text() == before
    (made / ".dvc" / "cache" / "runs").mkdir(exist_ok=True)  # of stages that ran
    (made / ".dvc" / "cache" / "runs" / "marker").write_text("a stage that ran")
    dvc(made, "push --run-cache")
    git("tag -a editor@v1.0.0 -m first", made)
    dvc(second, "pull --run-cache", f"artifacts get {made} editor --out {tmp_path / 'editor'}")
    assert (second / ".dvc" / "cache" / "runs" / "marker").exists()
    assert (tmp_path / "editor" / "weights.safetensors").read_text() == before


@pytest.mark.slow
def test_metrics_diff_and_exp_show_fit_a_terminal_and_show_both_editors_in_both_domains(made):
    """24 lines of 120 columns, also where every value has changed and with ten experiments."""
    for level in (1.25, 2.5):
        write_headline(made, level)
        dvc(made, "commit --force", f"exp save -n times-{level}")
    headline = json.loads((made / "metrics" / "headline.json").read_text())
    names = {f"{domain}.{name}" for domain in ("seen", "unseen") for name in headline[domain]}
    before = {f"baseline.{domain}.{name}" for domain in ("seen", "unseen") for name in headline["baseline"][domain]}
    assert (len(names), len(before)) == (12, 10)
    lines = dvc(made, "metrics diff times-1.25 times-2.5").splitlines()
    assert {line.split()[1] for line in lines[1:]} == names | before
    assert len(lines) <= 24
    parts = ("seen[.]", "unseen[.]", ".*leakage$")
    shown = dvc(made, *(f"exp show --no-pager --drop .* --keep Experiment|{one}" for one in parts)).splitlines()
    assert max(len(line) for line in lines + shown) <= 120
    assert not [line for line in shown if "…" in line]  # nothing is cut off
    assert {word for line in shown for word in line.split() if "." in word and word[0].isalpha()} >= names
    assert len(shown) <= 3 * (4 + 10)  # rules and header, and at most ten rows: workspace, branch, experiments
    git("checkout -q .", made)


@pytest.mark.slow
def test_a_hidden_pipeline_is_shown_by_make_pipeline_in_a_file_that_git_ignores(clone, tmp_path):
    (tmp_path / "dvc").write_text(
        f'#!/bin/sh\n[ "$1" = repro ] && echo "$@" || exec {sys.executable} -m dvc "$@"\n'  # repro: hours of training
    )
    (tmp_path / "dvc").chmod(0o755)
    command = ["make", "--no-print-directory", "--old-file", "mlflow.db", "pipeline", f"PATH={tmp_path}:/usr/bin:/bin"]
    for folder in ("studies/losses", "studies/losses", "."):  # a second time, and one that is not hidden: no change
        result = subprocess.run([*command, f"DIR={folder}"], cwd=clone, capture_output=True, text=True, check=False)
        assert (result.returncode, result.stdout.splitlines()[-1]) == (0, f"repro {folder}/dvc.yaml"), result.stderr
    assert pipelines(clone) == {"dvc.yaml", "studies/losses/dvc.yaml"}
    assert git("status --short", clone) == ""
    (clone / "studies" / "losses" / ".dvcignore").unlink()
    refused = subprocess.run([*command, "DIR=nowhere"], cwd=clone, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (
        2, "make pipeline needs DIR=FOLDER with a dvc.yaml, such as DIR=studies/losses",
    )  # fmt: skip
