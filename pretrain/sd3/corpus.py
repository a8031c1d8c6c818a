"""Render what the flow base is trained on: people in upright poses, and very few who lie.

python -m pretrain.sd3.corpus --out pretrain/sd3/corpus
"""

import json
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from atelier.common.rng import derive_seed
from atelier.synthetic.poses import UPRIGHT, Mannequin, sample_mannequin

SEED = 41
HELD_OUT = 0.02


def read(folder: Path) -> tuple[np.ndarray, list[dict], int]:
    """Pictures uint8 (N, S, S, 3), words and pose of each, and how many are trained on: the rest are held out."""
    images = np.load(folder / "images.npy", mmap_mode="r")
    return images, json.loads((folder / "shots.json").read_text()), int(len(images) * (1 - HELD_OUT))


def shot(number: int, every: int, size: int) -> Mannequin:
    """Picture `number` of the corpus: each `every`-th lies, the others take the upright poses in turn."""
    pose = "lying" if number % every == every - 1 else UPRIGHT[number % len(UPRIGHT)]
    return sample_mannequin(derive_seed(SEED, number), pose, size=size)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the corpus.")
@click.option("--count", type=click.IntRange(min=1000), default=12_000, show_default=True)
@click.option("--every", type=click.IntRange(min=2), default=333, show_default=True, help="One in so many lies.")
@click.option("--size", type=click.IntRange(min=16), default=64, show_default=True, help="Side of a picture, px.")
def main(out: Path, count: int, every: int, size: int) -> None:
    """Render and write."""
    out.mkdir(parents=True, exist_ok=True)
    images, facts = np.empty((count, size, size, 3), np.uint8), []
    for number in tqdm(range(count), desc="corpus", disable=None):
        made = shot(number, every, size)
        images[number] = made.pixels
        facts.append({"prompt": made.prompt, "pose": made.body.pose})
    np.save(out / "images.npy", images)
    (out / "shots.json").write_text(json.dumps(facts))
    lying = sum(fact["pose"] == "lying" for fact in facts)
    click.echo(f"{count} pictures in {out}, {lying} of them lie; for instance: {facts[0]['prompt']}")


if __name__ == "__main__":
    main()
