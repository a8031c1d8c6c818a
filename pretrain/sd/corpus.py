"""Render the corpus of the text-to-image base: photographs of the showroom and their captions.

    python -m pretrain.sd.corpus --out pretrain/sd/corpus

Files: images.npy uint8 (N, S, S, 3); shots.json, a list of {prompt, kind, colour, box}. The last 2 % are held out.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from atelier.synthetic.products import Shot, general_shots

SEED = 20_000  # no study draws from it
SHARD = 500  # shots a worker renders at a time
HELD_OUT = 0.02


def read(folder: Path) -> tuple[np.ndarray, list[dict], int]:
    """Pictures uint8 (N, S, S, 3), what each is, and how many of them are trained on: the rest are held out."""
    images = np.load(folder / "images.npy", mmap_mode="r")
    return images, json.loads((folder / "shots.json").read_text()), int(len(images) * (1 - HELD_OUT))


def _render(first: int, count: int, size: int) -> list[Shot]:
    return general_shots(count, SEED, size, first)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the corpus.")
@click.option("--shots", "count", type=click.IntRange(min=SHARD), default=40_000, show_default=True)
@click.option("--size", type=click.IntRange(min=16), default=64, show_default=True, help="Side of a picture, px.")
def main(out: Path, count: int, size: int) -> None:
    """Render and write."""
    starts = range(0, count, SHARD)
    with ProcessPoolExecutor() as pool:
        jobs = [pool.submit(_render, start, min(SHARD, count - start), size) for start in starts]
        shots = [shot for job in tqdm(jobs, desc="corpus", disable=None) for shot in job.result()]
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "images.npy", np.stack([shot.pixels for shot in shots]))
    facts = [{"prompt": shot.prompt, "kind": shot.subject, "colour": shot.colour, "box": shot.box} for shot in shots]
    (out / "shots.json").write_text(json.dumps(facts))
    click.echo(f"{len(shots)} shots in {out}, for instance: {shots[0].prompt}")


if __name__ == "__main__":
    main()
