"""Make the study's training pairs: the root's pair and mask stages with some parameters changed. Run by DVC."""

import tempfile
from pathlib import Path

import click

from atelier.common import command
from atelier.common.files import atomic_write
from atelier.common.options import FREE_TEXT, THREADS
from atelier.common.threads import set_threads
from atelier.config import read_params
from atelier.masks.make import mask_all
from atelier.pairs import Outputs, pair_items
from studies.losses.train import parse_changes


@command.stage
@command.params_option
@command.path_option("items", "Items, from the root pipeline's prepare.")
@click.option("--set", "changes", default="", type=FREE_TEXT, metavar="KEY=VALUE …", help="Changed parameters.")
@click.option("--threads", type=THREADS, required=True, help="CPU threads; 0: all cores.")
@command.path_option("out", "Folder for triplets.parquet and zones.parquet.")
def main(params: Path, items: Path, changes: str, threads: int, out: Path) -> None:
    """Make triplets and their zones; the probes are the root pipeline's."""
    set_threads(threads)
    chosen = read_params(params, parse_changes(changes))
    with atomic_write(out) as folder, tempfile.TemporaryDirectory() as scratch:
        folder.mkdir()
        triplets, probes = folder / "triplets.parquet", Path(scratch) / "probes.parquet"
        outputs = Outputs(triplets, probes, Path(scratch) / "tests.parquet")
        facts = pair_items(items, outputs, chosen.pair)
        mask_all(
            triplets, probes, folder / "zones.parquet", Path(scratch) / "zones.parquet", chosen.mask, chosen.models
        )
    click.echo(f"{out.name}: {facts['triplets']}")


if __name__ == "__main__":
    main()
