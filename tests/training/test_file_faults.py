"""A command that is killed, or whose file system fails, before any of its changes to files ends with the same bytes.

The suite tries every few changes; for all of them: `python tests/fixtures/file_faults.py train kill FOLDER 1`.
"""

import json
import os
from pathlib import Path

import forks
import pytest

ROOT = Path(__file__).parents[2]
STRIDES = {"prepare kill": 6, "prepare fail": 9, "train kill": 7, "train fail": 9, "concept kill": 8}


@pytest.mark.slow
@pytest.mark.parametrize(("tried", "stride"), STRIDES.items(), ids=STRIDES)
def test_the_same_command_goes_on_to_equal_bytes(tmp_path, tried, stride):
    """After a kill; after no space, an I/O error, no permission or a read-only disk, each reported as one line."""
    paths = [str(ROOT), str(ROOT / "src"), str(ROOT / "tests/fixtures")]
    words = [paths[-1] + "/file_faults.py", *tried.split(), str(tmp_path), str(stride)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    result = forks.run(words, ROOT, environment)
    assert result.returncode == 0, result.stderr[-2000:]
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["wrong"] == []
    assert found["points"] > 40
    assert found["tried"] >= 7
