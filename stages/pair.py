"""Stage pair: make triplets (source, instruction, target) for training and probes (picture × prompt) for evaluation.

python -m stages.pair --items data/prepared/items.parquet --triplets data/pairs/triplets.parquet
    --probes data/pairs/probes.parquet --report metrics/pair.json
"""

from pathlib import Path

from atelier import tracking
from atelier.common import command
from atelier.common.files import write_json
from atelier.config import read_params
from atelier.pairs import load_limits, pair_items


@command.stage
@command.params_option
@command.path_option("items", "Items written by prepare.")
@command.output_option("triplets", "Parquet file for the triplets.")
@command.output_option("probes", "Parquet file for the probes.")
@command.output_option("report", "JSON file for the numbers made and the shortfalls.")
def main(params: Path, items: Path, triplets: Path, probes: Path, report: Path) -> None:
    """Make aligned, given and same-item triplets of the seen items, and probes of the test pictures of both domains."""
    settings = read_params(params)
    sections = {"models": settings.models, "pair": settings.pair}
    with tracking.run("pair", sections, reads=[items], writes=[triplets, probes]) as record:
        facts = pair_items(items, triplets, probes, settings.pair, load_limits(settings.models))
        write_json(report, facts)
        record.log_report(facts)


if __name__ == "__main__":
    main()
