"""Runs in a temporary sqlite store, read back with mlflow's client."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures_tracking import stored
from import_graph import ROOT
from PIL import Image

from atelier import tracking
from atelier.common.errors import UserError
from atelier.common.files import digest
from atelier.config import read_params


def test_a_run_records_parameters_curves_images_and_digests(workspace):
    params = read_params(ROOT / "params.yaml")
    Path("rows.parquet").write_bytes(b"rows")
    report = {"zones": {"tight": {"mean": 0.25, "ci_lo": 0.125, "n": 3}, "rows": 7}, "network": "ours"}
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    with tracking.run("train", {"train": params.train}, reads=[Path("rows.parquet")]) as record:
        for step in range(1200):  # more than the store accepts in one call
            record.log_metrics({"loss": 1 / (step + 1), "lr": 0.5}, step)
        record.log_metrics({"nan": math.nan}, 1)
        record.log_report(report)
        record.log_picture(picture, "validation/epoch-1.png")
        record.log_artifact(Path("rows.parquet"), "tables")

    client, (run,) = stored(workspace)
    assert run.info.status == "FINISHED"
    assert run.data.params["train.unfreeze"] == params.train.unfreeze
    assert run.data.params["train.lr"] == str(params.train.lr)
    curve = sorted((point.step, point.value) for point in client.get_metric_history(run.info.run_id, "loss"))
    assert curve == [(step, 1 / (step + 1)) for step in range(1200)]
    assert run.data.metrics["zones/tight"] == 0.25
    table = json.loads(Path(client.download_artifacts(run.info.run_id, "measures.json")).read_text())
    assert table["data"] == [["zones", "tight", 0.25, 0.125, None, 3, *[None] * 3], ["zones", "rows", 7, *[None] * 6]]
    assert run.data.metrics["zones/rows"] == 7
    assert run.data.metrics.keys() == {"loss", "lr", "nan", "zones/tight", "zones/rows"}
    assert [math.isnan(point.value) for point in client.get_metric_history(run.info.run_id, "nan")] == [True]
    assert run.data.tags["network"] == "ours"
    assert json.loads(Path(client.download_artifacts(run.info.run_id, "report.json")).read_text()) == report
    assert [i.dataset.digest for i in run.inputs.dataset_inputs] == [digest(Path("rows.parquet"))[:36]]
    pictures = Path(client.download_artifacts(run.info.run_id, "validation/epoch-1.png"))
    assert np.array_equal(np.asarray(Image.open(pictures)), picture)
    assert Path(client.download_artifacts(run.info.run_id, "tables/rows.parquet")).read_bytes() == b"rows"


@pytest.mark.parametrize("folder", [None, "elsewhere"])
def test_artifacts_are_stored_beside_the_store_not_in_the_temporary_copy(workspace, monkeypatch, empty_store, folder):
    """By default in the repository, otherwise beside the user's store."""
    store = workspace / (folder or "")
    if folder:
        store.mkdir()
        (store / "runs.db").write_bytes(empty_store)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}/runs.db")
    with tracking.run("train", {}) as record:
        record.log_picture(np.zeros((2, 2, 3), np.uint8), "a.png")
    assert [file.name for file in (store / "mlartifacts").rglob("*.png")] == ["a.png"]
    assert len(list(workspace.rglob("*.png"))) == 1
    assert list((workspace / "copy").iterdir()) == []


def test_a_run_records_its_experiment_and_revision(workspace, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "B")
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "0123abc")
    with tracking.run("train", {}):
        pass
    _, (run,) = stored(workspace)
    assert run.info.run_name == "B/train"
    assert run.data.tags.items() >= {"stage": "train", "experiment": "B", "revision": "0123abc"}.items()


def test_outside_an_experiment_the_revision_is_that_of_the_checkout(workspace, monkeypatch):
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    with tracking.run("prepare", {}):
        pass
    _, (run,) = stored(workspace)
    assert run.data.tags["revision"] == head
    assert "experiment" not in run.data.tags


def test_a_run_is_a_child_of_the_training_whose_weights_or_edits_it_reads(workspace):
    """Also by way of the edits, which a second run wrote, and after another training wrote other weights."""
    weights, edits = Path("finetuned"), Path("edits.parquet")
    for value in (b"first", b"second"):
        weights.mkdir(exist_ok=True)
        (weights / "trained.safetensors").write_bytes(value)
        with tracking.run("train", {}, writes=[weights]):
            pass
        with tracking.run("generate", {}, child_of=weights, writes=[edits]):
            edits.write_bytes(b"edits of the " + value)
        with tracking.run("evaluate", {}, child_of=edits):
            pass
    Path("base").write_bytes(b"base")
    for unknown in (Path("base"), Path("timbrooks/instruct-pix2pix")):  # no run wrote these
        with tracking.run("sample", {}, child_of=unknown):
            pass
    _, runs = stored(workspace)
    assert [run.info.run_name for run in runs] == [*["train", "generate", "evaluate"] * 2, "sample", "sample"]
    first, second, none = runs[0].info.run_id, runs[3].info.run_id, None
    parents = [run.data.tags.get("mlflow.parentRunId") for run in runs]
    assert parents == [none, first, first, none, second, second, none, none]


def test_runs_of_several_experiments_are_nested_below_one_that_begins_with_the_first(workspace):
    """Also those of an evaluation, which reads a training's weights; and runs of before and after stay outside."""
    command = "from atelier import tracking\nwith tracking.run('pair', {}): pass"  # as an experiment: another process
    with tracking.parent("methods") as parent:
        parent.log_artifact(Path("none"))  # nothing has begun: nothing to log to
        with tracking.run("prepare", {}):
            pass
        for value in (b"one", b"two"):
            parent.begin()
            with tracking.run("train", {}, writes=[Path("weights")]):
                Path("weights").write_bytes(value)
            with tracking.run("evaluate", {}, child_of=Path("weights")):
                pass
        subprocess.run([sys.executable, "-c", command], check=True, env=os.environ | {"PYTHONPATH": str(ROOT / "src")})
        Path("methods.md").write_text("a table")
        parent.log_artifact(Path("methods.md"))
    with tracking.run("mask", {}), tracking.parent("ablations"):
        pass
    client, runs = stored(workspace)
    names = ["prepare", "methods", *["train", "evaluate"] * 2, "pair", "mask"]
    assert [(run.info.run_name, run.info.status) for run in runs] == [(name, "FINISHED") for name in names]
    above = runs[1].info.run_id
    assert [run.data.tags.get("mlflow.parentRunId") for run in runs] == [None, None, *[above] * 5, None]
    assert [file.path for file in client.list_artifacts(above)] == ["methods.md"]
    assert "atelier methods" in runs[1].data.tags["mlflow.note.content"]


@pytest.mark.parametrize(("error", "status"), [(RuntimeError("boom"), "FAILED"), (KeyboardInterrupt(), "KILLED")])
def test_an_interrupted_run_ends_with_the_metrics_it_had(workspace, error, status):
    def train() -> None:
        with tracking.run("train", {}, writes=[Path("never-written")]) as record:
            record.log_metrics({"loss": 0.5}, 1)
            raise error

    with pytest.raises(type(error)):
        train()
    _, (run,) = stored(workspace)
    assert run.info.status == status
    assert run.data.metrics == {"loss": 0.5}


def test_a_store_that_cannot_be_opened_is_a_user_error(workspace, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:./mlruns")
    with pytest.raises(UserError, match="MLFLOW_TRACKING_URI"), tracking.run("train", {}):
        pytest.fail("the run began")


def test_the_metrics_of_an_experiment_are_those_of_its_newest_finished_run(workspace, monkeypatch):
    for name, stage, seconds in (("lora", "train", 1), ("full", "train", 2), ("lora", "train", 3), ("lora", "pair", 4)):
        monkeypatch.setenv("DVC_EXP_NAME", name)
        monkeypatch.setenv("DVC_EXP_BASELINE_REV", "0" * 40)
        with tracking.run(stage, {}) as record:
            record.log_metrics({"train_seconds": seconds / 2})
            record.log_metrics({"train_seconds": seconds}, 1)
    monkeypatch.setenv("DVC_EXP_NAME", "lora")
    with pytest.raises(UserError, match="stop"), tracking.run("train", {}):  # the newest of all, and not finished
        raise UserError("stop")
    assert tracking.read_metrics("lora", "train") == {"train_seconds": 3}
    with pytest.raises(UserError, match="experiment selective: no finished train run in MLflow"):
        tracking.read_metrics("selective", "train")


def test_a_study_s_runs_form_an_experiment_of_their_own(workspace):
    """Equal names in a study and at the root do not mix: neither the metrics nor the parents."""
    for folder, seconds in ((Path("studies/mine"), 1), (Path(), 2)):
        weights = folder / "models" / "finetuned"
        weights.parent.mkdir(parents=True, exist_ok=True)
        weights.write_text("the same weights")
        with tracking.run("train", {}, writes=[weights]) as record:
            record.log_metrics({"train_seconds": seconds})
        with tracking.run("generate", {}, child_of=weights, writes=[folder / "edits"]):
            (folder / "edits").write_text("")
    client, runs = stored(workspace)
    other = client.get_experiment_by_name("atelier/mine")
    (train, generate) = client.search_runs([other.experiment_id], order_by=["attributes.start_time ASC"])
    assert [run.info.run_name for run in (*runs, train, generate)] == ["train", "generate"] * 2
    assert (train.data.metrics, runs[0].data.metrics) == ({"train_seconds": 1}, {"train_seconds": 2})
    assert generate.data.tags["mlflow.parentRunId"] == train.info.run_id
    assert runs[1].data.tags["mlflow.parentRunId"] == runs[0].info.run_id
    notes = [run.data.tags["mlflow.note.content"] for run in (train, runs[0])]
    assert ["`dvc repro studies/mine/dvc.yaml:train`" in notes[0], "`dvc repro train`" in notes[1]] == [True, True]
    assert other.artifact_location == (workspace / "mlartifacts").as_uri()
