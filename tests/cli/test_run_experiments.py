"""`atelier ablations` and `methods`: which experiments they run, what these change, and when the tables change."""

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click import ClickException
from click.testing import CliRunner, Result
from dvc.repo import Repo
from fixtures_tracking import empty_store  # noqa: F401
from import_graph import ROOT
from mlflow import MlflowClient

from atelier.cli import main, run_experiments
from atelier.cli.repository import Study
from atelier.cli.run_experiments import ABLATIONS, METHODS, changes_of, run_missing
from atelier.config import read_params
from atelier.config.presets import apply_preset

PAPER = {  # λ_preserve, learning rate, trained blocks
    "A": (0.5, 1e-5, "attn+mid+up"), "B": (0.8, 2e-5, "attn+mid+up"),
    "C": (0.3, 5e-6, "attn+mid"), "D": (0.5, 1e-5, "attn+mid+res"),
}  # fmt: skip
SCRIPT = """
import json, pathlib, sys
folder = pathlib.Path("studies/mine")
text = (folder / "params.yaml").read_text()
weight = float(text.partition("lambda_preserve:")[2].split()[0])
if weight == 0.3:
    sys.exit("no C today")
(folder / "metrics").mkdir(exist_ok=True)
train = {"trained_share": weight, "best_epoch": 1, "train_loss": {"epoch_1": 0.2}, "val_loss": {"epoch_1": 0.1}}
models = {name: {"ssim": {"mean": weight + level}} for name, level in (("baseline", 0), ("finetuned", 1))}
origin = {"data": "d", "base": "b", "settings": "s"}
(folder / "metrics" / "train.json").write_text(json.dumps(train))
(folder / "metrics" / "evaluate.json").write_text(json.dumps({"origin": origin, "seen": models}))
"""


@pytest.mark.parametrize(("preset", "factor"), [("embedded", 100), ("full-size", 1)])
def test_the_ablations_are_the_paper_s_four_at_the_preset_s_learning_rate(tmp_path, preset, factor):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    apply_preset(preset, tmp_path / "params.yaml")
    assert list(ABLATIONS) == list(PAPER)
    for name, (weight, rate, blocks) in PAPER.items():
        changes = changes_of(Study(tmp_path), ABLATIONS[name])
        assert changes.pop("train.lr") == pytest.approx(factor * rate, rel=1e-12)
        assert changes == {"train.loss": "preserve", "train.epochs": 2, "train.lambda_preserve": weight,
                           "train.unfreeze": blocks}  # fmt: skip


def test_every_change_is_a_parameter_with_a_possible_value_and_methods_differ_in_the_method_alone():
    for configuration in (*ABLATIONS.values(), *METHODS.values()):
        changes = changes_of(Study(ROOT), configuration)
        read_params(ROOT / "params.yaml", {key: str(value) for key, value in changes.items()})
    assert [configuration.changes["train.method"] for configuration in METHODS.values()] == list(METHODS)
    others = [
        {key: value for key, value in configuration.changes.items() if key != "train.method"}
        for configuration in METHODS.values()
    ]
    assert others[0] == others[1] == others[2]
    assert others[0]["train.patience"] == others[0]["train.epochs"]  # none stops early


@pytest.mark.parametrize(
    ("study", "prefix", "place"), [("", "", ""), ("mine", "mine-", "studies/mine/")], ids=["root", "study"]
)
def test_each_missing_experiment_is_run_in_a_copy_and_a_failure_ends_it(monkeypatch, study, prefix, place):
    ran = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess:
        ran.append(command[3:])
        return subprocess.CompletedProcess(command, int("lora" in command[7]))

    monkeypatch.setattr(run_experiments, "_check_in_git", lambda study: None)
    monkeypatch.setattr(run_experiments, "_present", lambda study: {})
    monkeypatch.setattr(run_experiments, "read_params", lambda path: read_params(ROOT / "params.yaml"))
    monkeypatch.setattr(run_experiments.subprocess, "run", run)
    found = run_missing(Study(ROOT, study), ["full", "adapters", "full"], METHODS)
    assert found == {"full": f"{prefix}full", "adapters": "adapters"}  # an own experiment keeps its name
    sets = {"train.lr": "0.001", "train.method": "full", "train.epochs": "4", "train.patience": "4"}
    words = [word for key, value in sets.items() for word in ("-S", f"{place}params.yaml:{key}={value}")]
    assert ran == [["exp", "run", "--temp", "--name", f"{prefix}full", *words, f"{place}dvc.yaml"]]
    with pytest.raises(ClickException, match=f"experiment {prefix}lora failed .* tables are as they were") as error:
        run_missing(Study(ROOT, study), ["selective", "lora", "full"], METHODS)
    assert error.value.exit_code == 1
    assert [command[4] for command in ran[1:]] == [f"{prefix}selective", f"{prefix}lora"]


@pytest.fixture
def store(tmp_path_factory, monkeypatch, empty_store: bytes) -> Path:  # noqa: F811
    """The folder of an MLflow store outside of the repository."""
    folder = tmp_path_factory.mktemp("tracking")
    (folder / "mlflow.db").write_bytes(empty_store)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    return folder


@pytest.fixture
def repository(tmp_path: Path, monkeypatch, store) -> Path:
    """A repository with a study whose only stage writes reports at once, and fails for configuration C."""
    own = tmp_path / "studies" / "mine"
    for folder in (own, tmp_path / "stages", tmp_path / "src" / "atelier"):
        folder.mkdir(parents=True)
    for place in (tmp_path, own):
        shutil.copy(ROOT / "params.yaml", place)
    (tmp_path / "write.py").write_text(SCRIPT)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (own / "dvc.yaml").write_text(
        f"stages:\n  all:\n    wdir: ../..\n    cmd: {sys.executable} write.py\n    deps: [write.py]\n"
        "    params:\n      - studies/mine/params.yaml: [train]\n    metrics:\n"
        "      - studies/mine/metrics/train.json: {cache: false}\n"
        "      - studies/mine/metrics/evaluate.json: {cache: false}\n"
    )
    for folder in ("stages", "src/atelier"):
        (tmp_path / folder / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    Repo.init(str(tmp_path)).close()
    git("config", "user.email", "test@example.org")
    git("config", "user.name", "test")
    git("add", "-A")
    git("reset", "-q", "studies")
    git("commit", "-qm", "Start")
    return tmp_path


def git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout


def ablations(*words: str) -> Result:
    return CliRunner().invoke(main, ["ablations", *words, "--study", "studies/mine"])


@pytest.mark.slow
def test_a_study_s_table_takes_finished_configurations_keeps_others_and_survives_a_failure(repository, store, capfd):
    refused = ablations("A")
    assert (refused.exit_code, "git add studies/mine" in refused.stderr) == (2, True)
    git("add", "studies")  # enough: an experiment has what git knows, committed or not
    tables = repository / "studies" / "mine" / "metrics"
    result = ablations("A")
    assert result.exit_code == 0, result.output + capfd.readouterr().err
    assert result.stdout.split() == [str(tables / f"ablations.{kind}") for kind in ("csv", "md", "png")]
    assert "mine-A: kept" in ablations("D", "A").stderr
    with (tables / "ablations.csv").open() as stream:
        rows = [(row["config"], float(row["trained_share"]), float(row["ssim"])) for row in csv.DictReader(stream)]
    assert rows == [("baseline", 0, 0.5), ("A", 0.5, 1.5), ("D", 0.5, 1.5)]
    written = {path: path.read_bytes() for path in tables.iterdir()}
    failed = ablations("C", "D")
    assert (failed.exit_code, "experiment mine-C failed" in failed.stderr) == (1, True)
    assert {path: path.read_bytes() for path in tables.iterdir()} == written
    assert git("status", "--porcelain", "--", ".", ":!studies/mine") == ""
    params = repository / "studies" / "mine" / "params.yaml"
    params.write_text(params.read_text().replace("  ema: 0.99 ", "  ema: 0.98 "))
    stale = ablations("A")
    assert stale.exit_code == 2
    assert "mine-A was run with other parameters (train.ema); to run it again: dvc exp remove mine-A" in stale.stderr
    assert "experiment none: not among" in ablations("none").stderr
    client = MlflowClient(tracking_uri=f"sqlite:///{store}/mlflow.db")
    runs = client.search_runs(
        [client.get_experiment_by_name("atelier/mine").experiment_id], order_by=["start_time ASC"]
    )
    found = [(run.info.run_name, run.info.status) for run in runs]  # none of the calls that ran no experiment
    assert found == [("ablations", "FINISHED"), ("ablations", "FINISHED"), ("ablations", "FAILED")]
    pictures = [[file.path for file in client.list_artifacts(run.info.run_id)] for run in runs]
    assert pictures == [["ablations.csv", "ablations.md", "ablations.png"]] * 2 + [[]]
