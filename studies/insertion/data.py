"""Photographs of the concepts, and what the base paints of their classes and of the places alone. Run by DVC.

Photographs are PNG files in a folder of each concept: other pictures can be put there instead (`dvc repro -s` then runs
the stages after this one).
"""

from pathlib import Path

import click
import numpy as np
from safetensors.numpy import save_file

from atelier.common import command
from atelier.common.files import atomic_write
from atelier.common.threads import set_threads
from atelier.images.tensors import to_png
from atelier.models.loading import load_model
from atelier.synthetic.products import concept_shots
from studies.insertion.config import read_study
from studies.insertion.prompts import NOUNS, called, fulfil, orders, orders_without


def write_photographs(folder: Path, pictures: list[np.ndarray]) -> None:
    """Numbered PNG files."""
    folder.mkdir(parents=True)
    for number, pixels in enumerate(pictures):
        (folder / f"{number:03}.png").write_bytes(to_png(pixels))


def write_painted(path: Path, pictures: dict[str, np.ndarray]) -> None:
    """Sets of pictures, uint8 (K, H, W, 3) each, whatever order their memory has: safetensors writes it as it lies."""
    with atomic_write(path) as partial:
        save_file({name: np.ascontiguousarray(found) for name, found in pictures.items()}, partial)


@command.stage
@command.path_option("params", "The study's parameters.")
@command.path_option("photographs", "Folder for the photographs that concepts are taught from.")
@command.path_option("others", "Folder for other photographs of the same things.")
@command.path_option("painted", "File for what the base paints (safetensors).")
def main(params: Path, photographs: Path, others: Path, painted: Path) -> None:
    """Render the concepts' photographs; paint their classes and the places without them by the base."""
    chosen = read_study(params)
    set_threads(chosen.base.threads)
    base, given = load_model(chosen.base.painter, chosen.base.dtype, chosen.base.device), chosen.photographs
    with atomic_write(photographs) as taught, atomic_write(others) as kept:
        for noun, name in NOUNS.items():
            shots = concept_shots(name, given.count + given.others, given.seed, base.size, noun)
            pixels = [shot.pixels for shot in shots]
            write_photographs(taught / noun, pixels[: given.count])
            write_photographs(kept / noun, pixels[given.count :])
    pictures = {"without": fulfil(base, orders_without(chosen.painting), chosen.painting, "places")}
    for noun in NOUNS:
        wanted = orders(noun, called("base", noun, chosen.teaching), chosen.painting)
        pictures[noun] = fulfil(base, wanted, chosen.painting, noun)
    write_painted(painted, pictures)
    click.echo(f"{len(NOUNS)} concepts; {sum(map(len, pictures.values()))} pictures by the base")


if __name__ == "__main__":
    main()
