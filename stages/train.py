"""Fine-tune the editor on triplets. Run by DVC; by hand: `dvc repro train`. Several processes: `train.launcher`."""

from contextlib import nullcontext
from pathlib import Path

from atelier import tracking
from atelier.common import command
from atelier.common.determinism import set_deterministic
from atelier.common.threads import set_threads
from atelier.config import read_params
from atelier.training import distributed
from atelier.training.edit import run


@command.stage
@command.params_option
@command.path_option("triplets", "Triplets (parquet).")
@command.path_option("zones", "Their trimaps (parquet).")
@command.output_option("out", "Folder for the trained tensors.", folder=True)
@command.output_option("report", "Report (JSON).")
@command.output_option("curves", "Folder for curves and the validation picture.", folder=True)
def main(params: Path, triplets: Path, zones: Path, out: Path, report: Path, curves: Path) -> None:
    """Fine-tune the editor: encode the triplets, train what the method names, keep the best epoch.

    An interrupted run is resumed.
    """
    chosen = read_params(params)
    set_deterministic(chosen.models.deterministic)
    sections = {"models": chosen.models, "train": chosen.train}
    with distributed.join(chosen.models.device) as accelerator:
        set_threads(chosen.models.threads)  # after the launcher and accelerate, which set their own number
        job = run.open_job(chosen.models, chosen.train, triplets, zones, accelerator)
        key = job.store.folder.name
        record = tracking.run("train", sections, reads=[triplets, zones], writes=[out], resume_key=key)
        main = accelerator.is_main_process
        with job.owned(), record if main else nullcontext(tracking.NullLogger()) as log:
            run.finetune(job, log, out=out, report=report, curves=curves)
            log.log_artifact(out, "finetuned")


if __name__ == "__main__":
    main()
