"""Stage pair: make triplets (source, instruction, target) for training, probes (picture × prompt) for evaluation.

python -m stages.pair --items data/prepared/items.parquet --triplets data/pairs/triplets.parquet
    --probes data/pairs/probes.parquet --tests data/pairs/tests.parquet --report metrics/pair.json
"""

from pathlib import Path

from atelier import tracking
from atelier.common import command
from atelier.common.files import write_json
from atelier.config import read_params
from atelier.pairs import Outputs, load_limits, pair_items


@command.stage
@command.params_option
@command.path_option("items", "Items written by prepare.")
@command.output_option("triplets", "Parquet file for the triplets.")
@command.output_option("probes", "Parquet file for the probes.")
@command.output_option("tests", "Parquet file for the test triplets that are evaluated.")
@command.output_option("report", "JSON file for the numbers made and the shortfalls.")
def main(params: Path, items: Path, triplets: Path, probes: Path, tests: Path, report: Path) -> None:
    """Make aligned, given and same-item triplets of the seen items, and probes of the test pictures of both domains."""
    settings = read_params(params)
    sections = {"models": settings.models, "pair": settings.pair}
    out = Outputs(triplets, probes, tests)
    with tracking.run("pair", sections, reads=[items], writes=[triplets, probes, tests]) as record:
        facts = pair_items(items, out, settings.pair, load_limits(settings.models))
        write_json(report, facts)
        record.log_report(facts)


if __name__ == "__main__":
    main()
