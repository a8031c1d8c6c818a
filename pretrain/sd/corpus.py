"""Render the corpus of the text-to-image model: products and their captions.

    python -m pretrain.sd.corpus --out pretrain/sd/corpus

Files: images.npy uint8 (N, S, S, 3); shots.json, a list of {prompt, kind, colour, box}.
`pretrain.common.corpus.read_shots` reads them.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from atelier.common import command
from atelier.synthetic.products import general_shots

SEED = 20_000  # no study uses it
SHARD = 500  # shots a worker renders at a time


@command.stage
@command.path_option("out", "Folder for the corpus.")
@click.option("--shots", "count", type=click.IntRange(SHARD, 1_000_000), default=40_000, help="Images to render.")
@click.option("--size", type=click.IntRange(16, 2048), default=64, help="Side of an image, px.")
def main(out: Path, count: int, size: int) -> None:
    """Render the images and write them with their captions."""
    starts = range(0, count, SHARD)
    with ProcessPoolExecutor() as pool:
        jobs = [pool.submit(general_shots, min(SHARD, count - start), SEED, size, start) for start in starts]
        shots = [shot for job in tqdm(jobs, desc="corpus", disable=None) for shot in job.result()]
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "images.npy", np.stack([shot.pixels for shot in shots]))
    facts = [{"prompt": shot.prompt, "kind": shot.subject, "colour": shot.colour, "box": shot.box} for shot in shots]
    (out / "shots.json").write_text(json.dumps(facts))
    click.echo(f"{len(shots)} shots in {out}, for instance: {shots[0].prompt}")


if __name__ == "__main__":
    main()
