"""Draw generated pairs beside their captions: before, after and their difference.

    python -m pretrain.pair_sheet pairs --out sheet.png --count 24
    python -m pretrain.pair_sheet pairs-0.0 pairs-0.3 pairs-0.6 --out shares.png    # of the same edits and seed

Several folders stand beside each other, so that one sees what a share of replaced attention does to the same noise.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click
import numpy as np

from atelier.common import command
from atelier.common.errors import UserError
from atelier.common.files import atomic_write
from atelier.common.options import COUNT
from atelier.images.contact_sheet import SheetRow, contact_sheet, draw_change
from atelier.images.tensors import to_png
from pretrain.edit_pairs import read_shards

Shown = tuple[dict[str, Any], np.ndarray, np.ndarray]  # record; before and after, uint8 (H, W, 3)
_SAME = ("number", "sample", "seed", "before", "after")  # of a record, in all folders of a sheet


def read_pairs(folder: Path, count: int, every: int) -> list[Shown]:
    """Return `count` pairs of a folder, one in `every`."""

    def stored() -> Iterator[Shown]:
        for pairs in read_shards(folder):
            images = (pairs.tensors[name].numpy() for name in ("before_images", "after_images"))
            yield from zip(pairs.records, *images, strict=True)

    return list(islice(stored(), 0, count * every, every))


def draw_sheet(folders: Sequence[list[Shown]]) -> np.ndarray:
    """Draw pairs, a row each: the image before, then of each folder the image after and the difference.

    Raises:
        UserError: the folders hold other pairs, or do not begin with the same images.
    """
    if len({len(folder) for folder in folders}) > 1:
        raise UserError("the folders hold different numbers of pairs; choose a --count that all have")
    rows = []
    for shown in zip(*folders, strict=True):
        record, before, _ = shown[0]
        for other, image, _ in shown[1:]:
            if any(other[name] != record[name] for name in _SAME) or not np.array_equal(image, before):
                raise UserError(f"pair {record['number']}: the folders are not of the same edits, seed and settings")
        lines = [record["instruction"], f"{record['before']} → {record['after']}", f"{record['share']:.2f}"]
        changes = [picture for _, _, after in shown for picture in (after, draw_change(before, after))]
        rows.append(SheetRow(lines if len(shown) == 1 else lines[:2], [before, *changes]))
    shares = [folder[0][0]["share"] for folder in folders]
    names = [f"after, {share:.2f}" for share in shares] if len(folders) > 1 else ["after"]
    return contact_sheet(["before", *(name for after in names for name in (after, "difference"))], rows)


@command.stage
@click.argument("pairs", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@command.output_option("out", "Sheet, .png.")
@click.option("--count", type=COUNT, default=24, help="Rows.")
@click.option("--every", type=COUNT, default=1, help="Show one pair in so many.")
def main(pairs: tuple[Path, ...], out: Path, count: int, every: int) -> None:
    """Draw pairs of images with their captions and shares; PAIRS are folders of python -m pretrain.edit_pairs."""
    sheet = draw_sheet([read_pairs(folder, count, every) for folder in pairs])
    with atomic_write(out) as partial:
        partial.write_bytes(to_png(sheet))
    click.echo(f"{out}: {sheet.shape[1]} × {sheet.shape[0]} px")


if __name__ == "__main__":
    main()
