"""Stage prepare: read both sources into items with splits, and report which rows were kept or refused, and why.

python -m stages.prepare --out data/prepared/items.parquet --report metrics/prepare.json
"""

from pathlib import Path

from atelier import tracking
from atelier.common import command
from atelier.common.files import write_json
from atelier.config import read_params
from atelier.data.prepare import open_shards, prepare_items


@command.stage
@command.params_option
@command.output_option("out", "Parquet file for the items.")
@command.output_option("report", "JSON file for the counts of kept and refused rows.")
def main(params: Path, out: Path, report: Path) -> None:
    """Read both sources, fit every picture into a square, and split the seen items by garment and person."""
    settings = read_params(params).prepare
    store = open_shards(settings)
    with store.owned(), tracking.run("prepare", {"prepare": settings}, writes=[out]) as record:
        facts = prepare_items(settings, out, store)
        write_json(report, facts)
        record.log_report(facts)


if __name__ == "__main__":
    main()
