"""Render images of the concepts; generate the base model's images of their classes and of the places. Run by DVC.

The rendered images are PNG files in a folder per concept: other images can be put there instead (`dvc repro -s` then
runs the stages after this one).
"""

from pathlib import Path

import click
import numpy as np
import torch

from atelier.common import command
from atelier.common.files import atomic_write
from atelier.common.tensor_files import write_tensors
from atelier.common.threads import set_threads
from atelier.config import read_sections
from atelier.images.tensors import to_png
from atelier.models.loading import load_model
from atelier.synthetic.products import concept_shots
from studies.insertion.config import Study
from studies.insertion.prompts import NOUNS, concept_name, generate_requests, list_requests, list_requests_without


def write_images(folder: Path, pictures: list[np.ndarray]) -> None:
    """Write numbered PNG files."""
    folder.mkdir(parents=True)
    for number, pixels in enumerate(pictures):
        (folder / f"{number:03}.png").write_bytes(to_png(pixels))


def write_sets(path: Path, pictures: dict[str, np.ndarray]) -> None:
    """Write sets of images, uint8 (K, H, W, 3) each."""
    with atomic_write(path) as partial:
        write_tensors(partial, {name: torch.from_numpy(found) for name, found in pictures.items()})


@command.stage
@command.path_option("params", "The study's parameters.")
@command.path_option("photographs", "Folder for the training images.")
@command.path_option("others", "Folder for other images of the same objects.")
@command.path_option("painted", "File for the base model's images (safetensors).")
def main(params: Path, photographs: Path, others: Path, painted: Path) -> None:
    """Render the concepts; generate their classes, and the places without them, by the base model."""
    chosen = read_sections(params, Study)
    set_threads(chosen.base.threads)
    base, given = load_model(chosen.base.painter, chosen.base.dtype, chosen.base.device), chosen.photographs
    with atomic_write(photographs) as training, atomic_write(others) as rest:
        for noun, name in NOUNS.items():
            shots = concept_shots(name, given.count + given.others, given.seed, base.size, noun)
            pixels = [shot.pixels for shot in shots]
            write_images(training / noun, pixels[: given.count])
            write_images(rest / noun, pixels[given.count :])
    pictures = {"without": generate_requests(base, list_requests_without(chosen.painting), chosen.painting, "places")}
    for noun in NOUNS:
        requests = list_requests(noun, concept_name("base", noun, chosen.teaching), chosen.painting)
        pictures[noun] = generate_requests(base, requests, chosen.painting, noun)
    write_sets(painted, pictures)
    click.echo(f"{len(NOUNS)} concepts; {sum(map(len, pictures.values()))} images by the base model")


if __name__ == "__main__":
    main()
