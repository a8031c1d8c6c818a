"""Items → triplets (source, instruction, target) to train on, and probes (picture × prompt) to measure on.

python -m stages.pair --items data/prepared/items.parquet --triplets data/pairs/triplets.parquet
    --probes data/pairs/probes.parquet --report metrics/pair.json
"""

from pathlib import Path

from atelier import tracking
from atelier.common import command
from atelier.common.files import write_json
from atelier.config import read_params
from atelier.pairs import pair_items


@command.stage
@command.params_option
@command.path_option("items", "Items, from prepare.")
@command.path_option("triplets", "Triplets, parquet.")
@command.path_option("probes", "Probes, parquet.")
@command.path_option("report", "What was made and what fell short, JSON.")
def main(params: Path, items: Path, triplets: Path, probes: Path, report: Path) -> None:
    """Make aligned, given and same-item triplets of the seen items, and probes of both domains' test pictures."""
    settings = read_params(params).pair
    with tracking.run("pair", {"pair": settings}, reads=[items], writes=[triplets, probes]) as record:
        facts = pair_items(items, triplets, probes, settings)
        write_json(report, facts)
        record.log_report(facts)


if __name__ == "__main__":
    main()
