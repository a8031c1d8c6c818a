"""One process of a training run: `accelerate launch … launched_training.py FOLDER CHANGES`, see test_processes.py."""

import json
import sys
from pathlib import Path

import torch
from fixtures_training import KillingLog, NoLog, run_training

from atelier import processes


def main() -> None:
    """Fine-tune from FOLDER/inputs into FOLDER/out; each process leaves what it saw of the others, and its log."""
    torch.set_num_threads(1)
    folder, changes = Path(sys.argv[1]), json.loads(sys.argv[2])
    dies_at = changes.pop("dies_at", None)
    with processes.join("cpu") as team:
        log = KillingLog(dies_at) if dies_at and team.is_main else NoLog()  # the other is left waiting for it
        run_training(folder / "inputs", folder / "editor", folder / "clip", folder / "out", log, team, **changes)
        (folder / f"log-{team.rank}.json").write_text(json.dumps([team.size, team.sharded, log.metrics, log.pictures]))


if __name__ == "__main__":
    main()
