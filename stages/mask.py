"""Stage mask: make the zones of triplets and probes: the named garment's mask, given or predicted, and its scaled box.

python -m stages.mask --triplets data/pairs/triplets.parquet --probes data/pairs/probes.parquet
    --out-triplets data/masks/triplets.parquet --out-probes data/masks/probes.parquet --report metrics/mask.json
    --sheet metrics/mask.jpg
"""

from pathlib import Path

from atelier import tracking
from atelier.common import command
from atelier.common.determinism import set_deterministic
from atelier.common.files import write_json
from atelier.common.notices import notice
from atelier.common.threads import set_threads
from atelier.config import read_params
from atelier.masks.check_sheet import write_check_sheet
from atelier.masks.make import mask_all


@command.stage
@command.params_option
@command.path_option("triplets", "Triplets written by pair.")
@command.path_option("probes", "Probes written by pair.")
@command.output_option("out-triplets", "Parquet file for the zones of the triplets.")
@command.output_option("out-probes", "Parquet file for the zones of the probes.")
@command.output_option("report", "JSON file for the counts of given, predicted and refused masks.")
@command.output_option("sheet", "JPEG file for the contact sheet of training triplets with their zones.")
def main(
    params: Path, triplets: Path, probes: Path, out_triplets: Path, out_probes: Path, report: Path, sheet: Path
) -> None:
    """Make the mask and the scaled box of each named garment; a missing mask is predicted by the segmenter."""
    settings = read_params(params)
    set_deterministic(settings.models.deterministic)
    set_threads(settings.models.threads)
    sections = {"models": settings.models, "mask": settings.mask}
    with tracking.run("mask", sections, reads=[triplets, probes], writes=[out_triplets, out_probes]) as record:
        facts = mask_all(triplets, probes, out_triplets, out_probes, settings.mask, settings.models)
        write_json(report, facts)
        record.log_report(facts)
        doubt = write_check_sheet(sheet, triplets, out_triplets)
        record.log_artifact(sheet)
        notice(f"mask: before training, look at the zones of {sheet}{doubt and '; '}{doubt}")


if __name__ == "__main__":
    main()
