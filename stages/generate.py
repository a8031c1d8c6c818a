"""Edit every probe with one model. Run by DVC; by hand: `dvc repro generate@finetuned`."""

from pathlib import Path

import click
from tqdm import tqdm

from atelier import tracking
from atelier.common import command
from atelier.common.determinism import set_deterministic
from atelier.common.errors import UserError
from atelier.common.options import PATH
from atelier.common.records import Edit, Probe, TestProbe, read_rows, write_rows
from atelier.common.threads import set_threads
from atelier.config import read_params
from atelier.masks.predict import make_finder
from atelier.models.instruct_pix2pix import open_weights
from atelier.sampling import edit
from atelier.sampling.keep import Keep
from atelier.sampling.plan import plan_edits, plan_tests
from atelier.sampling.probe_masks import collect_masks, read_zones


@command.stage
@command.params_option
@command.path_option("probes", "Images and prompts (parquet).")
@command.path_option("tests", "Test triplets (parquet).")
@click.option("--zones", type=PATH, help="Zones of the probes (parquet), read if generate.keep needs masks.")
@command.path_option("weights", "An editor's folder or hub id, or a fine-tuned folder.")
@click.option("--model", type=click.Choice(["baseline", "finetuned"]), required=True, help="Its name in the edits.")
@command.output_option("out", "Edited images (parquet).")
@command.output_option("out-tests", "Edited images of the test triplets (parquet).")
def main(
    params: Path, probes: Path, tests: Path, zones: Path | None, weights: Path, model: str, out: Path, out_tests: Path
) -> None:
    """Edit every probe, at the study's guidance and in a sweep over it, and every test triplet.

    The noise of a probe or triplet is the same for every model.
    """
    chosen = read_params(params)
    set_deterministic(chosen.models.deterministic)
    set_threads(chosen.models.threads)
    masked = Keep.of(chosen.generate).needs_mask
    if masked and zones is None:
        raise UserError(f"generate.keep: {chosen.generate.keep} needs masks; expected --zones, or none or consistent")
    inputs = [probes, tests, *([zones] if masked else [])]
    sections = {"models": chosen.models, "generate": chosen.generate}
    with tracking.run(f"generate@{model}", sections, inputs, [out, out_tests], child_of=weights) as run:
        rows, held_out = read_rows(probes, Probe), read_rows(tests, TestProbe)
        planned = {out: plan_edits(rows, chosen.generate), out_tests: plan_tests(held_out, chosen.generate)}
        masks = collect_masks([*rows, *held_out], read_zones(zones, rows), make_finder(chosen.models)) if masked else {}
        editor, counts = open_weights(weights, chosen.models.dtype, chosen.models.device), []
        for path, jobs in planned.items():
            edits = edit.edit_probes(editor, jobs, model, chosen.generate, masks)
            counts.append(write_rows(path, Edit, tqdm(edits, model, total=len(jobs), unit="edit", disable=None)))
        run.log_metrics({"edits": sum(counts)})


if __name__ == "__main__":
    main()
