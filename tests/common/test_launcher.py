"""Workers end with a launcher that is killed; a process without a launcher does not end with its parent."""

import os
import signal
import subprocess
import sys
import time

import pytest
from import_graph import ROOT
from processes import running

WORKER = """
import signal, sys, time
from atelier.common.launcher import follow_launcher
if "deaf" in sys.argv:  # as in a collective, which runs no handler
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
follow_launcher(poll=0.1, grace=0.5)
print("ready", flush=True)
time.sleep(60)
"""
LAUNCHER = """
import os, subprocess, sys
workers = [
    subprocess.Popen([sys.executable, "worker.py", *sys.argv[2:]], stdout=subprocess.PIPE, text=True,
                     start_new_session=True, env=os.environ | {"LOCAL_RANK": str(rank), "WORLD_SIZE": sys.argv[1]})
    for rank in range(2)
]
print(*(worker.pid for worker in workers if worker.stdout.readline() == "ready\\n"), flush=True)
workers[0].wait()
"""


@pytest.mark.parametrize(
    ("words", "ends"), [(["2"], True), (["2", "deaf"], True), (["1"], False)], ids=["workers", "blocked", "alone"]
)
def test_workers_end_with_a_killed_launcher(tmp_path, words, ends):
    (tmp_path / "worker.py").write_text(WORKER)
    (tmp_path / "launcher.py").write_text(LAUNCHER)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "launcher.py", *words]
    pids: list[int] = []
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as launcher:
        try:
            pids = [int(word) for word in launcher.stdout.readline().split()]
            assert len(pids) == 2
            assert all(running(process) for process in pids)
            launcher.kill()
            launcher.wait()
            deadline = time.monotonic() + (30 if ends else 1.5)
            while any(running(process) for process in pids) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert [running(process) for process in pids] == [not ends] * 2
        finally:
            launcher.kill()
            for process in filter(running, pids):
                os.kill(process, signal.SIGKILL)
