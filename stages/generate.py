"""Edit every probe with one model. Run by DVC; by hand: `dvc repro generate@finetuned`."""

from pathlib import Path

import click
from tqdm import tqdm

from atelier import tracking
from atelier.common import command
from atelier.common.determinism import set_deterministic
from atelier.common.records import Edit, Probe, read_rows, write_rows
from atelier.common.threads import set_threads
from atelier.config import read_params
from atelier.models.instruct_pix2pix import open_weights
from atelier.sampling import edit
from atelier.sampling.plan import plan_edits


@command.stage
@command.params_option
@command.path_option("probes", "Images and prompts (parquet).")
@command.path_option("weights", "An editor's folder or hub id, or a fine-tuned folder.")
@click.option("--model", type=click.Choice(["baseline", "finetuned"]), required=True, help="Its name in the edits.")
@command.output_option("out", "Edited images (parquet).")
def main(params: Path, probes: Path, weights: Path, model: str, out: Path) -> None:
    """Edit every probe, at the study's guidance and in a sweep over it; a probe's noise is the same for every model."""
    chosen = read_params(params)
    set_deterministic(chosen.models.deterministic)
    set_threads(chosen.models.threads)
    sections = {"models": chosen.models, "generate": chosen.generate}
    with tracking.run(f"generate@{model}", sections, reads=[probes], writes=[out], child_of=weights) as run:
        planned = plan_edits(read_rows(probes, Probe), chosen.generate)
        editor = open_weights(weights, chosen.models.dtype, chosen.models.device)
        edits = edit.edit_probes(editor, planned, model, chosen.generate)
        count = write_rows(out, Edit, tqdm(edits, model, total=len(planned), unit="edit", disable=None))
        run.log_metrics({"edits": count})


if __name__ == "__main__":
    main()
