"""Triplets and probes → their zones: the named garment's mask, given or predicted, and its scaled box.

python -m stages.mask --triplets data/pairs/triplets.parquet --probes data/pairs/probes.parquet
    --out-triplets data/masks/triplets.parquet --out-probes data/masks/probes.parquet --report metrics/mask.json
"""

from pathlib import Path

from atelier import tracking
from atelier.common import command
from atelier.common.files import write_json
from atelier.common.threads import set_threads
from atelier.config import read_params
from atelier.masks.make import mask_all


@command.stage
@command.params_option
@command.path_option("triplets", "Triplets, from pair.")
@command.path_option("probes", "Probes, from pair.")
@command.path_option("out-triplets", "Zones of the triplets, parquet.")
@command.path_option("out-probes", "Zones of the probes, parquet.")
@command.path_option("report", "How many masks were given, predicted and refused, JSON.")
def main(params: Path, triplets: Path, probes: Path, out_triplets: Path, out_probes: Path, report: Path) -> None:
    """Find each named garment, with the segmenter where a picture brings no mask, and scale its box."""
    settings = read_params(params)
    set_threads(settings.models.threads)
    sections = {"models": settings.models, "mask": settings.mask}
    with tracking.run("mask", sections, reads=[triplets, probes], writes=[out_triplets, out_probes]) as record:
        facts = mask_all(triplets, probes, out_triplets, out_probes, settings.mask, settings.models)
        write_json(report, facts)
        record.log_report(facts)


if __name__ == "__main__":
    main()
