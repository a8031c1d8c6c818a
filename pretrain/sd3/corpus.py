"""Render the corpus of the SD3 model: people in upright poses, and very few who lie.

python -m pretrain.sd3.corpus --out pretrain/sd3/corpus
"""

import json
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from atelier.common import command
from atelier.common.rng import derive_seed
from atelier.synthetic.poses import UPRIGHT, Mannequin, sample_mannequin

SEED = 41


def shot(number: int, every: int, size: int) -> Mannequin:
    """Render image `number` of the corpus: every `every`-th lies, the others take the upright poses in turn."""
    pose = "lying" if number % every == every - 1 else UPRIGHT[number % len(UPRIGHT)]
    return sample_mannequin(derive_seed(SEED, number), pose, size=size)


@command.stage
@command.path_option("out", "Folder for the corpus.")
@click.option("--count", type=click.IntRange(1000, 1_000_000), default=12_000, help="Images to render.")
@click.option("--every", type=click.IntRange(2, 1_000_000), default=333, help="One in this many lies.")
@click.option("--size", type=click.IntRange(16, 2048), default=64, help="Side of an image, px.")
def main(out: Path, count: int, every: int, size: int) -> None:
    """Render the images and write them with their prompts and poses."""
    out.mkdir(parents=True, exist_ok=True)
    images, facts = np.empty((count, size, size, 3), np.uint8), []
    for number in tqdm(range(count), desc="corpus", disable=None):
        made = shot(number, every, size)
        images[number] = made.pixels
        facts.append({"prompt": made.prompt, "pose": made.body.pose})
    np.save(out / "images.npy", images)
    (out / "shots.json").write_text(json.dumps(facts))
    lying = sum(fact["pose"] == "lying" for fact in facts)
    click.echo(f"{count} images in {out}, {lying} of them lying; for instance: {facts[0]['prompt']}")


if __name__ == "__main__":
    main()
