"""Stage prepare: read both sources into items with splits, and report which rows were kept or refused, and why.

python -m stages.prepare --out data/prepared/items.parquet --report metrics/prepare.json --sheets metrics/prepare
"""

from pathlib import Path

from atelier import tracking
from atelier.common import command
from atelier.common.files import write_json
from atelier.common.notices import notice
from atelier.common.threads import set_threads
from atelier.config import read_params
from atelier.data.prepare import describe, open_shards, prepare_items


@command.stage
@command.params_option
@command.output_option("out", "Parquet file for the items.")
@command.output_option("report", "JSON file for the counts of kept and refused rows.")
@command.output_option("sheets", "Folder for the contact sheets of pictures and masks.", folder=True)
def main(params: Path, out: Path, report: Path, sheets: Path) -> None:
    """Read both sources, fit every picture into a square, and split the seen items by garment and person."""
    settings = read_params(params)
    set_threads(settings.models.threads)
    sections = {"models": settings.models, "prepare": settings.prepare}
    store = open_shards(settings.prepare, settings.models)
    with store.owned(), tracking.run("prepare", sections, writes=[out]) as record:
        facts = prepare_items(settings.prepare, settings.models, out, sheets, store)
        write_json(report, facts)
        record.log_report(facts)
        record.log_artifact(sheets, sheets.stem)
        for domain, counts in facts.items():
            notice(f"prepare {domain}: {describe(counts, sheets / f'{domain}.jpg')}")


if __name__ == "__main__":
    main()
