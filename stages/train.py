"""Fine-tune the chosen blocks of the editor on triplets. Run by DVC; by hand: `dvc repro train`."""

from pathlib import Path

import stages  # isort: skip (puts this checkout's src first)

from atelier import finetuning, tracking
from atelier.config import read_params


@stages.command
@stages.params
@stages.path("triplets", "Triplets (parquet).")
@stages.path("zones", "Their trimaps (parquet).")
@stages.path("out", "Folder for the trained tensors.")
@stages.path("report", "Report (JSON).")
@stages.path("curves", "Folder for curves and the validation picture.")
def main(params: Path, triplets: Path, zones: Path, out: Path, report: Path, curves: Path) -> None:
    """Fine-tune the editor: encode once, train the chosen blocks, keep the best epoch.

    Resumes by itself after an interruption.
    """
    chosen = read_params(params)
    sections = {"models": chosen.models, "train": chosen.train}
    with tracking.run("train", sections, reads=[triplets, zones], writes=[out]) as run:
        job = finetuning.open_job(chosen.models, chosen.train, triplets, zones)
        finetuning.finetune(job, run, out=out, report=report, curves=curves)
        run.log_artifact(out, "finetuned")


if __name__ == "__main__":
    main()
