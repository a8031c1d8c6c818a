"""The store's place and its opening: odd paths, deleted experiments, several processes at once."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures_tracking import files, record_figure
from import_graph import ROOT
from mlflow import MlflowClient

from atelier import tracking
from atelier.common.errors import UserError
from atelier.tracking.store import EXPERIMENT, locate

ODD = [
    "what?",
    "a%20b",
    "a%3Fb",
    "h#sh",
    "sp ace",
    "ümlaut",
    "100%",
    "q'uote",
    'dq"',
    "am&p=1",
    "at@x:y",
    "br[ack]",
    "b\\s",
]


@pytest.mark.parametrize("given", [False, True], ids=["by default", "by MLFLOW_TRACKING_URI"])
@pytest.mark.parametrize("name", ODD)
def test_a_path_with_characters_of_a_uri_is_taken_as_it_is(workspace, monkeypatch, name, given):
    folder = workspace / "odd" / name
    folder.mkdir(parents=True)
    shutil.copy(workspace / "mlflow.db", folder)
    if given:
        from sqlalchemy import URL

        uri = URL.create("sqlite", database=str(folder / "mlflow.db")).render_as_string(hide_password=False)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    else:
        monkeypatch.setenv("DVC_ROOT", str(folder))
    run_id = record_figure()
    assert os.listdir(workspace / "odd") == [name]  # noqa: PTH208
    assert {path.name for path in folder.iterdir()} == {"mlflow.db", "mlflow.db.lock", "mlartifacts"}
    assert len(files(folder)) == 1
    with sqlite3.connect(folder / "mlflow.db") as database:
        assert database.execute("SELECT run_uuid, status FROM runs").fetchall() == [(run_id, "FINISHED")]


@pytest.mark.parametrize(
    ("uri", "uses_file"),
    [
        ("sqlite:///runs.db", "runs.db"),
        ("sqlite:////abs/runs.db", "/abs/runs.db"),
        ("sqlite+pysqlite:////abs/sp ace.db", "/abs/sp ace.db"),
        ("sqlite:///file:runs.db?uri=true", None),
        ("sqlite:///:memory:", None),
        ("sqlite://", None),
        ("sqlite+pysqlcipher:////abs/runs.db", None),
        ("sqlite:////abs/runs.db?timeout=3", None),
        ("postgresql://user:secret@host/runs", None),
        ("https://host", None),
    ],
)
def test_the_file_of_a_store_is_known(workspace, monkeypatch, uri, uses_file):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert locate()[1] == (None if uses_file is None else Path(uses_file).resolve())


def refusal() -> str:
    with pytest.raises(UserError) as error, tracking.run("pair", {}):
        pytest.fail("the run began")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_deleted_experiment_is_named_with_the_command_that_restores_it(workspace):
    record_figure()
    client = MlflowClient(tracking_uri=f"sqlite:///{workspace}/mlflow.db")
    number = client.get_experiment_by_name(EXPERIMENT).experiment_id
    client.delete_experiment(number)
    message = f"mlflow experiments restore --experiment-id {number}"
    assert message in refusal()
    with pytest.raises(UserError, match=message):
        tracking.read_metrics("lora", "train")
    client.restore_experiment(number)
    record_figure()


@pytest.mark.parametrize(
    "make", [lambda path: path.write_text("a text, and longer than a header of SQLite " * 9), Path.mkdir]
)
def test_a_text_file_or_a_folder_as_store_is_one_line(workspace, monkeypatch, make):
    make(workspace / "other.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{workspace}/other.db")
    assert f"{workspace}/other.db: cannot be used as an MLflow store" in refusal()


UNUSABLE = [
    "sqlite:////proc/none/runs.db",
    "sqlite:///{}/mlflow.db/below.db",
    "sqlite:///file:{}/mlflow.db?mode=ro&uri=true",
    "sqlite:///\x01/\x7f:/../..//",
    "sqlite:/x",
    "sqlite:///{}/what?/runs.db",
    "nonsense://x",
    "http://[::1",
    "{}/folder",
    "https://a:secret@127.0.0.1:1/x",
]


@pytest.mark.parametrize("uri", UNUSABLE)
def test_a_store_that_cannot_be_used_is_one_line_without_a_password(workspace, monkeypatch, uri):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri.format(workspace))
    message = refusal()
    assert "MLFLOW_TRACKING_URI" in message
    assert "secret" not in message


def test_a_folder_whose_name_is_no_text_is_one_line(workspace, monkeypatch):
    folder = os.fsdecode(os.fsencode(workspace) + b"/\xff")
    Path(folder).mkdir()
    monkeypatch.setenv("DVC_ROOT", folder)
    assert "cannot be used as an MLflow store" in refusal()


def test_the_metrics_of_a_store_that_can_only_be_read_are_read(workspace, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "lora's")
    with tracking.run("train", {}) as run:
        run.log_metrics({"seconds": 3})
    monkeypatch.setattr("filelock.FileLock.acquire", lambda *_, **__: (_ for _ in ()).throw(OSError(30, "Read-only")))
    assert tracking.read_metrics("lora's", "train") == {"seconds": 3}
    with pytest.raises(UserError, match="no finished"):
        tracking.read_metrics("lora", "train")
    with pytest.raises(UserError, match="cannot hold both"):
        tracking.read_metrics("'\"", "train")
    assert "Read-only" in refusal()


@pytest.mark.slow
def test_several_processes_that_meet_a_new_store_all_record_their_run(tmp_path):
    code = "from atelier import tracking\nwith tracking.run('x', {'a': {'b': 1}}): pass"
    env = os.environ | {"PYTHONPATH": f"{ROOT}/src", "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/new/mlflow.db"}
    started = [
        subprocess.Popen([sys.executable, "-c", code], env=env, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    told = [one.communicate()[1] for one in started]
    assert [one.returncode for one in started] == [0, 0, 0], told
    with sqlite3.connect(tmp_path / "new" / "mlflow.db") as database:
        assert database.execute("SELECT status FROM runs").fetchall() == [("FINISHED",)] * 3
