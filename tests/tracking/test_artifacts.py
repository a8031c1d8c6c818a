"""Where artifacts go after a repository was moved, copied or mounted elsewhere."""

import shutil
from pathlib import Path

import pytest
from fixtures_tracking import files, record_figure
from mlflow import MlflowClient

from atelier.tracking.artifacts import local_path
from atelier.tracking.store import EXPERIMENT, locate


def test_after_a_move_old_and_new_artifacts_are_beside_the_store(workspace, monkeypatch, capsys):
    before = workspace / "before"
    before.mkdir()
    shutil.copy(workspace / "mlflow.db", before)
    monkeypatch.setenv("DVC_ROOT", str(before))
    first = record_figure()
    after = before.rename(workspace / "after ü?")
    monkeypatch.setenv("DVC_ROOT", str(after))
    second = record_figure()
    assert not before.exists()
    assert len(files(after)) == 2
    assert "moved or copied from" in capsys.readouterr().err
    client = MlflowClient(tracking_uri=locate()[0])
    for run_id in (first, second):
        assert after in local_path(client.get_run(run_id).info.artifact_uri).parents
        assert Path(client.download_artifacts(run_id, "report.json")).exists()
    capsys.readouterr()  # of the downloads
    record_figure()
    assert capsys.readouterr().err == ""


def test_a_copy_of_the_repository_keeps_its_artifacts_to_itself(workspace, monkeypatch):
    record_figure()
    copied = workspace / "copied"
    copied.mkdir()
    shutil.copy(workspace / "mlflow.db", copied)
    shutil.copytree(workspace / "mlartifacts", copied / "mlartifacts")
    original = files(workspace / "mlartifacts")
    monkeypatch.setenv("DVC_ROOT", str(copied))
    record_figure()
    assert files(workspace / "mlartifacts") == original
    assert len(files(copied)) == 2


@pytest.mark.parametrize(
    ("place", "beside", "kept", "told"),
    [
        ("chosen", [], True, False),
        ("mlartifacts", ["something"], True, True),
        ("mlartifacts", [], False, True),
    ],
)
def test_an_artifact_folder_that_was_chosen_stays_and_one_left_behind_does_not(
    workspace, capsys, place, beside, kept, told
):
    """The last is the old path that an earlier version has made again, which holds the artifacts of one run alone."""
    chosen = workspace / "elsewhere" / place
    client = MlflowClient(tracking_uri=f"sqlite:///{workspace}/mlflow.db")
    number = client.create_experiment(EXPERIMENT, artifact_location=chosen.as_uri())
    for name in beside:
        (workspace / "elsewhere" / name).mkdir(parents=True)
    early = client.create_run(number).info.run_id
    client.log_dict(early, {"figure": 1}, "report.json")
    record_figure()
    assert len(files(chosen)) == (2 if kept else 1)
    assert len(files(workspace / "mlartifacts")) == (0 if kept else 1)
    assert ("artifacts" in capsys.readouterr().err) == told
    assert Path(client.download_artifacts(early, "report.json")).exists()


def test_a_place_of_artifacts_that_is_gone_is_not_made_again_without_a_word(workspace, capsys):
    place = workspace / "gone" / "mlruns" / "1"
    MlflowClient(tracking_uri=f"sqlite:///{workspace}/mlflow.db").create_experiment(EXPERIMENT, place.as_uri())
    record_figure()
    assert f"artifacts go to {place}" in capsys.readouterr().err


def test_the_same_repository_by_another_path_keeps_its_addresses(workspace, capsys, monkeypatch):
    """As a folder that is mounted in a container at another place, here by links to its parts."""
    run_id = record_figure()
    other = workspace / "mounted"
    other.mkdir()
    (other / "mlflow.db").hardlink_to(workspace / "mlflow.db")
    monkeypatch.setenv("DVC_ROOT", str(other))
    record_figure()
    assert len(files(workspace / "mlartifacts")) == 2
    client = MlflowClient(tracking_uri=f"sqlite:///{workspace}/mlflow.db")
    assert (workspace / "mlartifacts").as_uri() in client.get_run(run_id).info.artifact_uri
    assert capsys.readouterr().err == ""
