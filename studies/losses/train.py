"""One run of the study: fine-tune with some parameters changed, then edit every probe. Run by DVC (dvc.yaml beside it).

The weights are not kept: the edits are scored, and the run can be repeated.
"""

import json
import tempfile
import time
from pathlib import Path

import click
from tqdm import tqdm

from atelier.common import command
from atelier.common.errors import UserError
from atelier.common.files import atomic_write
from atelier.common.options import FREE_TEXT, THREADS
from atelier.common.records import Edit, Probe, read_rows, write_rows
from atelier.common.threads import set_threads
from atelier.config import read_params
from atelier.models.instruct_pix2pix import open_weights
from atelier.sampling.edit import edit_probes
from atelier.sampling.plan import plan_edits
from atelier.tracking import NullLogger
from atelier.training.edit.run import finetune, open_job

KEPT = ("trained_parameters", "trained_share", "best_epoch", "epochs", "steps", "val_directional")
_FIXED = {"generate.sweep_probes": "0", "train.ema_warmup": "false"}  # of every run


class Timed(NullLogger):
    """A logger that keeps the costs of training."""

    def __init__(self) -> None:
        self.costs: dict[str, float] = {}

    def log_metrics(self, values: dict[str, float], step: int = 0) -> None:
        """Keep the costs of the whole run, which are logged once, at its end."""
        if "train_seconds" in values:
            self.costs = dict(values)


def parse_changes(text: str) -> dict[str, str]:
    """Parse "section.key=value section.key=value" to key → value.

    Raises:
        UserError: a word has no "=".
    """
    for word in text.split():
        if "=" not in word:
            raise UserError(f"--set {word}: expected section.key=value")
    return dict(word.split("=", 1) for word in text.split())


@command.stage
@command.params_option
@command.path_option("triplets", "Triplets (parquet).")
@command.path_option("zones", "Their trimaps (parquet).")
@command.path_option("probes", "Images and prompts (parquet).")
@click.option("--set", "changes", default="", type=FREE_TEXT, metavar="KEY=VALUE …", help="Changed parameters.")
@click.option("--threads", type=THREADS, required=True, help="CPU threads; 0: all cores.")
@command.path_option("out", "Folder for edits.parquet and facts.json.")
def main(params: Path, triplets: Path, zones: Path, probes: Path, changes: str, threads: int, out: Path) -> None:
    """Fine-tune, edit every probe, and write the edits and the costs."""
    set_threads(threads)
    chosen = read_params(params, parse_changes(changes) | _FIXED)
    rows, log, began = read_rows(probes, Probe), Timed(), time.monotonic()
    job = open_job(chosen.models, chosen.train, triplets, zones)
    with job.owned(), tempfile.TemporaryDirectory() as scratch, atomic_write(out) as folder:
        made, report = Path(scratch) / "finetuned", Path(scratch) / "train.json"
        finetune(job, log, out=made, report=report, curves=Path(scratch) / "curves")
        facts = json.loads(report.read_text())
        jobs = plan_edits(rows, chosen.generate)
        edits = edit_probes(
            open_weights(made, chosen.models.dtype, chosen.models.device), jobs, "finetuned", chosen.generate
        )
        folder.mkdir()
        write_rows(folder / "edits.parquet", Edit, tqdm(edits, "edit", total=len(jobs), unit="edit", disable=None))
        facts = {key: facts[key] for key in KEPT if key in facts} | {"changes": changes, **log.costs}
        (folder / "facts.json").write_text(json.dumps(facts, indent=2) + "\n")
    click.echo(f"{out.name}: {facts['steps']} steps, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
