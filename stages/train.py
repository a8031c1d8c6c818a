"""Fine-tune the editor on triplets. Run by DVC; by hand: `dvc repro train`. Several processes: `train.launcher`."""

from contextlib import nullcontext
from pathlib import Path

from atelier import tracking
from atelier.common import command
from atelier.common.threads import set_threads
from atelier.config import read_params
from atelier.training import distributed
from atelier.training.edit import run as finetuning


@command.stage
@command.params_option
@command.path_option("triplets", "Triplets (parquet).")
@command.path_option("zones", "Their trimaps (parquet).")
@command.path_option("out", "Folder for the trained tensors.")
@command.path_option("report", "Report (JSON).")
@command.path_option("curves", "Folder for curves and the validation picture.")
def main(params: Path, triplets: Path, zones: Path, out: Path, report: Path, curves: Path) -> None:
    """Fine-tune the editor: encode once, train what the method names, keep the best epoch.

    Resumes by itself after an interruption.
    """
    chosen = read_params(params)
    set_threads(chosen.models.threads)  # `accelerate launch` has set OMP_NUM_THREADS to 1
    sections = {"models": chosen.models, "train": chosen.train}
    with distributed.join(chosen.models.device) as team:
        record = tracking.run("train", sections, reads=[triplets, zones], writes=[out])
        with record if team.is_main else nullcontext(finetuning.NullLogger()) as run:
            job = finetuning.open_job(chosen.models, chosen.train, triplets, zones, team)
            finetuning.finetune(job, run, out=out, report=report, curves=curves)
            run.log_artifact(out, "finetuned")


if __name__ == "__main__":
    main()
