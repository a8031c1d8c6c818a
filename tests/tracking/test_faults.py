"""A fault of the store after a run has begun: told once, never raised, never waited for long."""

import socket
import time
from contextlib import suppress

import numpy as np
import pytest
import requests
from fixtures_tracking import stored
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.validation import _validate_metric_name, _validate_tag_name
from sqlalchemy.exc import OperationalError

from atelier import tracking
from atelier.common.errors import UserError
from atelier.tracking import record, store

FAULTS = [
    MlflowException("the server is gone"),
    OperationalError("INSERT", {}, Exception("disk I/O error")),
    OSError(28, "No space left on device"),
    requests.ConnectionError("refused"),
    TypeError("nobody expects this"),
]
CALLS = ["log_batch", "log_inputs", "log_dict", "log_artifact", "log_artifacts", "log_image", "set_tag"]


def work(tmp_path) -> str:
    """Do what a training does with its run."""
    made = tmp_path / "made"
    made.mkdir(exist_ok=True)
    (made / "weights").write_bytes(b"weights")
    with tracking.run("train", {"train": {"lr": 1}}, reads=[made / "weights"], writes=[made]) as run:
        for step in range(3):
            run.log_metrics({"loss": 0.5}, step)
            run.flush()
        run.log_picture(np.zeros((2, 2, 3), np.uint8), "a.png")
        run.log_report({"figure": 1, "text": "yes"})
        run.log_artifact(made)
        run.log_artifact(made / "weights")
    return "done"


@pytest.mark.parametrize("name", [*CALLS, "set_terminated", "search_runs"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_a_fault_after_the_run_has_begun_is_one_line_and_the_work_is_done(workspace, monkeypatch, capsys, name, fault):
    after = []

    def fail(*_, **__):
        after.clear()
        raise fault

    for call in {*CALLS, "set_terminated"} - {name}:  # what is still called after the fault
        monkeypatch.setattr(MlflowClient, call, lambda *_, call=call, **__: after.append(call))
    monkeypatch.setattr(MlflowClient, name, fail)
    assert work(workspace) == "done"
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"atelier: sqlite:///{workspace}/mlflow.db: the rest of this run is not recorded")
    assert after == ([] if name == "set_terminated" else ["set_terminated"])


def test_a_run_whose_artifacts_cannot_be_written_ends_as_finished(workspace, capsys):
    """A file where the folder of artifacts should be, as good as a full disk."""
    (workspace / "mlartifacts").write_text("in the way")
    assert work(workspace) == "done"
    _, (run,) = stored(workspace)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["loss"] == 0.5
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_store_that_is_lost_while_the_stage_works_does_not_fail_it(workspace, capsys):
    with tracking.run("train", {}) as run:
        (workspace / "mlflow.db").write_bytes(b"overwritten " * 1000)
        run.log_metrics({"loss": 0.5})
    assert "not recorded" in capsys.readouterr().err


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt(), SystemExit(3)])
def test_the_error_that_ended_the_work_is_not_hidden_by_a_fault(workspace, monkeypatch, error):
    def fail(*_, **__):
        raise MlflowException("the server is gone")

    def train() -> None:
        with tracking.run("train", {}) as run:
            run.log_metrics({"loss": 0.5})
            for name in ("log_batch", "set_terminated"):
                monkeypatch.setattr(MlflowClient, name, fail)
            raise error

    with pytest.raises(type(error)) as raised:
        train()
    assert raised.value is error


@pytest.mark.parametrize(("remote", "called"), [(True, ["log_batch"]), (False, ["log_batch", "set_terminated"])])
def test_a_server_that_makes_the_work_wait_is_not_asked_again(workspace, monkeypatch, capsys, remote, called):
    """A busy SQLite file is asked once more, so that the run ends as it did."""
    monkeypatch.setattr(record, "_QUICK_S", 0.05)
    monkeypatch.setattr(store.Store, "remote", remote)
    calls = []

    def stall(name) -> None:
        calls.append(name)
        time.sleep(0.1)
        raise MlflowException("timed out")

    with tracking.run("train", {}) as run:
        for name in (*CALLS, "set_terminated"):
            monkeypatch.setattr(MlflowClient, name, lambda *_, name=name, **__: stall(name))
        for step in range(20):
            run.log_metrics({"loss": 0.5}, step)
            run.flush()
    assert calls == called
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.fixture
def server(monkeypatch):
    """A server that accepts connections and says nothing; its address is the store."""
    monkeypatch.setitem(store._LIMITS, "MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    for name in store._LIMITS:
        monkeypatch.setenv(name, "")  # restored after the test
        monkeypatch.delenv(name)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:secret@127.0.0.1:{listening.getsockname()[1]}")
        yield listening


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "silent"])
def test_a_server_that_is_down_at_the_start_is_one_line_and_soon(workspace, server, closed):
    if closed:
        server.close()
    began = time.monotonic()
    with pytest.raises(UserError, match="cannot be used as an MLflow store") as error, tracking.run("train", {}):
        pytest.fail("the run began")
    assert time.monotonic() - began < 20  # mlflow's own limits are minutes
    assert "\n" not in str(error.value)
    assert "secret" not in str(error.value)


def test_the_limits_that_the_user_sets_stay(workspace, server, monkeypatch):
    server.close()
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with suppress(UserError), tracking.run("train", {}):
        pass
    assert store.os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"


def test_one_call_of_a_server_that_drips_is_cut(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    opened = store.Store(client=None, experiment="0", uri="http://drips", limit=0.5)
    with pytest.raises(TimeoutError, match=r"no answer within 0\.5 s"):
        opened.call(time.sleep, 30)
    assert opened.call(lambda one, two=0: one + two, 1, two=2) == 3
    with opened.patience(10**7) as patient:
        assert patient.limit == pytest.approx(10.5)
        assert store.os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "5"


@settings(max_examples=60)
@given(
    st.text() | st.text(alphabet="./a _", max_size=300) | st.sampled_from(["", "/" * 300, "a" * 249 + "/..", "x" * 300])
)
@example("a" * 248 + "..b")
def test_the_name_of_a_reported_value_is_one_that_mlflow_accepts(key):
    _validate_metric_name(record.mlflow_name(key))
    _validate_tag_name(record.mlflow_name(key))


def test_a_usual_name_is_recorded_as_it_is():
    for name in ("train.lr", "seen/copy/lpips", "val_tight", "a b:c-d", "reading/.avif"):
        assert record.mlflow_name(name) == name
