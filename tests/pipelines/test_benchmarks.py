"""The benchmarks run at embedded size: what they call has not changed under them."""

import json
import os
import subprocess
import sys

import pytest
from import_graph import ROOT

STAGES = ["write the networks", "prepare", "pair", "mask", "train", "generate, baseline", "generate, fine-tuned"]


@pytest.mark.slow
def test_the_six_stages_run_in_their_benchmark(tmp_path):
    command = [sys.executable, "scripts/benchmark_stages.py", "--tiny", "--out", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": "src", "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=300)
    rows = [json.loads(line) for line in (tmp_path / "stages.jsonl").read_text().splitlines()]
    assert {row["stage"]: row["note"] for row in rows} == dict.fromkeys([*STAGES, "evaluate"], "")
