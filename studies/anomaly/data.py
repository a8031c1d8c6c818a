"""Render the correct images to train on, with their prompts. Run by DVC (dvc.yaml beside it)."""

import json
from pathlib import Path

import click
from PIL import Image

from atelier.common import command
from atelier.common.files import atomic_write
from atelier.common.rng import derive_seed
from atelier.config import read_sections
from atelier.synthetic.poses import sample_mannequin
from studies.anomaly.config import Study
from studies.anomaly.prompts import TRAINED_PLACES, draw_prompts


@command.stage
@command.params_option
@command.path_option("out", "Folder for the images and metadata.jsonl.")
def main(params: Path, out: Path) -> None:
    """Render images as the paper recommends: one large person, plain surroundings, none of the test prompts."""
    chosen = read_sections(params, Study)
    tested = {prompt.text for prompt in draw_prompts(chosen.painting.prompts, chosen.painting.seed)}
    number, lines = 0, []
    with atomic_write(out) as folder:
        folder.mkdir()
        while len(lines) < chosen.pictures.count:
            place = TRAINED_PLACES[len(lines) % len(TRAINED_PLACES)]
            seed = derive_seed(chosen.pictures.seed, "taught", number)
            made = sample_mannequin(seed, "lying", place=place, size=chosen.pictures.size)
            number += 1
            if made.prompt in tested:
                continue
            name = f"{len(lines):02d}.png"
            Image.fromarray(made.pixels).save(folder / name)
            lines.append(json.dumps({"file_name": name, "prompt": made.prompt}))
        (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n")
    click.echo(f"{len(lines)} images, for instance: {lines[0]}")


if __name__ == "__main__":
    main()
