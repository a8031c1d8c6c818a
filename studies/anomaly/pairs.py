"""Pairs for `atelier survey` and `atelier judge`: original against fine-tuned. Run by DVC (dvc.yaml beside it)."""

import csv
from pathlib import Path

import click
from PIL import Image

from atelier.common import command
from atelier.common.files import atomic_write
from atelier.config import read_sections
from studies.anomaly.config import Study
from studies.anomaly.prompts import draw_prompts
from studies.anomaly.sampling import read_groups

COLUMNS = ("pair_id", "prompt", "group", "picture_a", "picture_b", "system_a", "system_b")
SIDE = 384  # px: people look at these images, and servers of judge models reject tiny ones
SYSTEMS = ("original", "fine-tuned")


@command.stage
@command.params_option
@command.path_option("original", "The base model's images (safetensors).")
@command.path_option("finetuned", "The fine-tuned model's (safetensors).")
@command.path_option("out", "Folder for pairs.csv and the images.")
def main(params: Path, original: Path, finetuned: Path, out: Path) -> None:
    """Write one pair per prompt, as in the paper: the first image of each group, from the same noise, not selected."""
    chosen = read_sections(params, Study)
    groups = {name: read_groups(path) for name, path in zip(SYSTEMS, (original, finetuned), strict=True)}
    prompts = [one for one in draw_prompts(chosen.painting.prompts, chosen.painting.seed) if one.family == "lying"]
    with atomic_write(out) as folder:
        folder.mkdir()
        with (folder / "pairs.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(COLUMNS)
            for prompt in prompts:
                names = [f"{name}/{prompt.key}.png" for name in SYSTEMS]
                for name, file in zip(SYSTEMS, names, strict=True):
                    picture = Image.fromarray(groups[name][prompt.key][0].numpy())
                    (folder / file).parent.mkdir(exist_ok=True)
                    picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / file)
                writer.writerow([prompt.key, prompt.text, prompt.look.place, *names, *SYSTEMS])
    click.echo(f"{len(prompts)} pairs in {out}")


if __name__ == "__main__":
    main()
