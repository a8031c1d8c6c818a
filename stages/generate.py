"""Edit every probe with one model. Run by DVC; by hand: `dvc repro generate@finetuned`."""

from pathlib import Path

import click
from tqdm import tqdm

from atelier import tracking
from atelier.common import command
from atelier.common.determinism import set_deterministic
from atelier.common.records import Edit, Probe, TestProbe, read_rows, write_rows
from atelier.common.threads import set_threads
from atelier.config import read_params
from atelier.models.instruct_pix2pix import open_weights
from atelier.sampling import edit
from atelier.sampling.plan import plan_edits, plan_tests


@command.stage
@command.params_option
@command.path_option("probes", "Images and prompts (parquet).")
@command.path_option("tests", "Test triplets (parquet).")
@command.path_option("weights", "An editor's folder or hub id, or a fine-tuned folder.")
@click.option("--model", type=click.Choice(["baseline", "finetuned"]), required=True, help="Its name in the edits.")
@command.output_option("out", "Edited images (parquet).")
@command.output_option("out-tests", "Edited images of the test triplets (parquet).")
def main(params: Path, probes: Path, tests: Path, weights: Path, model: str, out: Path, out_tests: Path) -> None:
    """Edit every probe, at the study's guidance and in a sweep over it, and every test triplet.

    The noise of a probe or triplet is the same for every model.
    """
    chosen = read_params(params)
    set_deterministic(chosen.models.deterministic)
    set_threads(chosen.models.threads)
    sections = {"models": chosen.models, "generate": chosen.generate}
    with tracking.run(f"generate@{model}", sections, [probes, tests], [out, out_tests], child_of=weights) as run:
        planned = {
            out: plan_edits(read_rows(probes, Probe), chosen.generate),
            out_tests: plan_tests(read_rows(tests, TestProbe), chosen.generate),
        }
        editor, counts = open_weights(weights, chosen.models.dtype, chosen.models.device), []
        for path, jobs in planned.items():
            edits = edit.edit_probes(editor, jobs, model, chosen.generate)
            counts.append(write_rows(path, Edit, tqdm(edits, model, total=len(jobs), unit="edit", disable=None)))
        run.log_metrics({"edits": sum(counts)})


if __name__ == "__main__":
    main()
