"""How runs end: by a signal, without one, and continued by the next process."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fixtures_tracking import stored
from import_graph import ROOT

from atelier import tracking
from atelier.common.errors import UserError
from atelier.tracking import holder
from atelier.tracking.termination import Terminated, raise_on_termination

WORK = """
import signal, sys, time
from atelier import tracking
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it, and so would this process
with tracking.run(sys.argv[1], {}, resume_key="k") as run:
    run.log_metrics({"loss": 0.5}, 1)
    run.flush()
    print("working", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def begin(workspace):
    """Start a process and return it when it records a run; it then waits."""
    started = []

    def start(stage: str) -> subprocess.Popen:
        env = os.environ | {"PYTHONPATH": f"{ROOT}/src"}
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", WORK, stage], env=env, cwd=workspace, stdout=subprocess.PIPE, text=True
            )
        )
        assert started[-1].stdout.readline() == "working\n"
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.wait()


@pytest.mark.slow
def test_runs_end_as_they_were_ended_and_a_killed_one_is_closed_by_the_next(workspace, begin):
    signals = {"told": signal.SIGTERM, "hung up": signal.SIGHUP, "killed": signal.SIGKILL}
    processes = {stage: begin(stage) for stage in [*signals, "alive"]}
    for stage, number in signals.items():
        processes[stage].send_signal(number)
    assert [processes[stage].wait(120) for stage in signals] == [143, 129, -9]

    def status() -> dict[str, str]:
        return {run.info.run_name: run.info.status for run in stored(workspace)[1]}

    ended = {"told": "KILLED", "hung up": "KILLED", "killed": "RUNNING", "alive": "RUNNING"}
    assert status() == ended
    with tracking.run("pair", {}):
        assert status() == ended | {"killed": "KILLED", "pair": "RUNNING"}
    with tracking.run("told", {}, resume_key="k") as run:  # goes on
        run.log_metrics({"loss": 9}, 1)
        run.log_metrics({"loss": 0.25}, 2)
    with tracking.run("alive", {}, resume_key="k"):  # another process works on it: a run of its own
        pass
    assert len(stored(workspace)[1]) == 6
    assert status()["told"] == "FINISHED"
    client, runs = stored(workspace)
    curve = client.get_metric_history(next(run for run in runs if run.info.run_name == "told").info.run_id, "loss")
    assert sorted((point.step, point.value) for point in curve) == [(1, 0.5), (2, 0.25)]


def test_a_termination_is_raised_once_and_the_handlers_are_restored():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)

    def work() -> None:
        with raise_on_termination():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)  # passed on by a launcher while the work is ending

    with pytest.raises(Terminated) as raised:
        work()
    assert raised.value.code == 143
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)) == before


def test_a_signal_that_is_ignored_or_handled_by_others_stays_so(monkeypatch):
    seen = []
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN), signal.signal(signal.SIGTERM, lambda *_: seen.append(1))
    try:
        with raise_on_termination():
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
        assert seen == [1]
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before[0])
        signal.signal(signal.SIGTERM, before[1])


def test_a_run_in_another_thread_than_the_main_one_is_recorded(workspace):
    def work() -> None:
        with tracking.run("pair", {}):
            pass

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert [run.info.status for run in stored(workspace)[1]] == ["FINISHED"]


def dead_process() -> tuple[int, str]:
    """Return the id and the start of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    start = holder._start(process.pid)
    process.communicate(b"\n")
    return process.pid, start


def test_only_a_process_that_is_known_to_have_ended_is_gone():
    host, boot, namespace, pid, start = own = holder.own_tag().split(" ")
    dead, dead_start = dead_process()

    def gone(**changes) -> bool:
        parts = dict(zip(("host", "boot", "namespace", "pid", "start"), own, strict=True)) | changes
        return holder.is_gone(" ".join(parts.values()))

    assert not gone()
    assert gone(pid=str(dead), start=dead_start)
    assert gone(start=str(int(start) + 1))  # the id was given to another process
    assert gone(boot="another-boot")
    assert not gone(host="elsewhere", pid=str(dead), start=dead_start)
    assert not gone(namespace="pid:[1]", pid=str(dead), start=dead_start)  # another container
    for tag in (
        "",
        "a",
        f"{host} {boot} {namespace} {pid}",
        f"{host} {boot} {namespace} x{pid} {start}",
        "a b c d e f",
    ):
        assert not holder.is_gone(tag)
    assert (Path("/proc") / pid).exists()


@pytest.mark.parametrize(
    ("status", "tag", "continued"),
    [
        ("KILLED", None, True),
        ("FAILED", None, True),
        ("FINISHED", None, False),
        ("RUNNING", "own", False),
        ("RUNNING", "dead", True),
        ("RUNNING", "elsewhere b n 1 1", False),
    ],
)
def test_a_training_continues_the_run_that_was_interrupted_and_no_other(workspace, monkeypatch, status, tag, continued):
    with tracking.run("train", {"train": {"lr": 1}}, reads=[workspace / "mlflow.db"], resume_key="abc") as first:
        first.log_metrics({"loss": 0.5, "lr": 1}, 1)
        first.log_report({"text": "one"})
    client, _ = stored(workspace)
    if tag == "dead":
        tag = " ".join([*holder.own_tag().split(" ")[:3], *map(str, dead_process())])
    client.set_tag(first.run_id, "holder", holder.own_tag() if tag in (None, "own") else tag)
    client.update_run(first.run_id, status=status)
    monkeypatch.setenv("DVC_EXP_NAME", "again")
    for stage, key in (("train", "other"), ("mask", "abc"), ("train", None)):
        with tracking.run(stage, {}, resume_key=key) as run:
            assert run.run_id != first.run_id
    with tracking.run("train", {"train": {"lr": 1}}, reads=[workspace / "mlflow.db"], resume_key="abc") as run:
        assert (run.run_id == first.run_id) == continued
        run.log_metrics({"loss": 9, "new": 1}, 1)
        run.log_metrics({"loss": 0.25}, 2)
    found = client.get_run(run.run_id)
    assert found.info.status == "FINISHED"
    assert (found.info.run_name, found.data.tags["experiment"]) == ("again/train", "again")
    assert found.data.params == {"train.lr": "1"}
    assert len(found.inputs.dataset_inputs) == 1
    curve = sorted((point.step, point.value) for point in client.get_metric_history(run.run_id, "loss"))
    assert curve == [(1, 0.5 if continued else 9), (2, 0.25)]


def test_an_error_of_the_user_ends_a_run_as_failed_and_an_early_one_records_none(workspace):
    def train(reads) -> None:
        with tracking.run("train", {}, reads=reads):
            raise UserError("stop")

    with pytest.raises(UserError, match="stop"):
        train([])
    with pytest.raises(UserError, match="no such file"):
        train([Path("missing")])
    assert [run.info.status for run in stored(workspace)[1]] == ["FAILED"]
