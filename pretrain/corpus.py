"""Compose the captioned pictures that the base models are trained on.

    python -m pretrain.corpus --out pretrain/corpus

Only shots that are the base models' are used (`world.shards.part_of`), and no fabric that is held out
(`text.colours.is_held_out`); every picture has fabrics, camera and caption of its own. First come people in outfits,
then products and logos, then people in poses.

Files: images.npy uint8 (N, S, S, 3); labels.npy uint8 (N, S, S); captions.jsonl, a record of each picture.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from tqdm import tqdm

from atelier.common import command
from atelier.common.files import atomic_write
from atelier.common.options import COUNT, SEED
from atelier.common.rng import derive_seed
from atelier.world import lay_out, paint, sample_outfit
from atelier.world.poses import PARTS, sample_figure
from atelier.world.products import general_shot
from atelier.world.shards import open_world
from pretrain.corpus_captions import caption_of

SEGMENTS = ("background", "body", "face", "upper", "inner", "lower", "full")  # body: skin, hair and shoes
BODY_PARTS = PARTS[1:]  # head, torso, arm, leg: labels after those of SEGMENTS, of people in poses
UNKNOWN = 255  # label of every pixel of a product
SHARD = 200  # pictures that a worker composes at a time


@dataclass(frozen=True)
class Composed:
    """A picture of the corpus.

    Attributes:
        image: uint8 (S, S, 3).
        labels: indices into SEGMENTS + BODY_PARTS, or UNKNOWN, uint8 (S, S).
        record: prompt, subject and what they were composed from.
    """

    image: np.ndarray
    labels: np.ndarray
    record: dict[str, Any]


Composer = Callable[[int, int, int], Composed]  # seed, number of the picture among its kind, side in px


def label_map(masks: dict[str, np.ndarray]) -> np.ndarray:
    """Return indices into SEGMENTS, uint8 (H, W), of disjoint masks by name."""
    labels = np.zeros(masks["background"].shape, np.uint8)
    for name, mask in masks.items():
        labels[mask] = SEGMENTS.index(name)
    return labels


def part_labels(parts: np.ndarray) -> np.ndarray:
    """Return indices into SEGMENTS + BODY_PARTS, uint8 (H, W), of a map of `poses.PARTS`."""
    return np.where(parts > 0, parts + len(SEGMENTS) - 1, 0).astype(np.uint8)


def compose_person(seed: int, number: int, size: int) -> Composed:
    """Compose a picture of a person; it depends on seed, number and the stored shots alone."""
    rng, world = np.random.default_rng([seed, number]), open_world()
    scene = sample_outfit(rng, ("studio", "street")[number % 2], part="base", world=world)
    layout = lay_out(scene, size, world)
    prompt = caption_of(scene, world.facts[scene.shot], rng)
    record = {"prompt": prompt, "subject": "person", "scene": json.loads(scene.to_json())}
    return Composed(paint(scene, layout), label_map(layout.masks), record)


def compose_product(seed: int, number: int, size: int) -> Composed:
    """Compose a picture of a product or a logo, sometimes worn."""
    shot = general_shot(seed, number, size)
    record = {"prompt": shot.prompt, "subject": shot.subject, "box": shot.box}
    return Composed(shot.pixels, np.full(shot.pixels.shape[:2], UNKNOWN, np.uint8), record)


def compose_pose(seed: int, number: int, size: int) -> Composed:
    """Compose a picture of a person in one of the poses of the anomaly study, with the parts of the body."""
    figure = sample_figure(derive_seed(seed, f"pose {number}"), None, part="base", size=size)
    record = {"prompt": figure.prompt, "subject": "pose", "shot": figure.name}
    return Composed(figure.pixels, part_labels(figure.parts), record)


def _compose(composer: Composer, first: int, count: int, seed: int, size: int) -> list[Composed]:
    return [composer(seed, number, size) for number in range(first, first + count)]


def compose_corpus(counts: Mapping[Composer, int], seed: int, size: int, workers: int) -> Iterator[Composed]:
    """Yield the pictures of the corpus in order: as many of each kind as `counts` says, one kind after another."""
    with ProcessPoolExecutor(workers) as pool:
        jobs = deque(
            pool.submit(_compose, composer, start, min(SHARD, count - start), seed, size)
            for composer, count in counts.items()
            for start in range(0, count, SHARD)
        )
        while jobs:
            yield from jobs.popleft().result()


@command.stage
@command.path_option("out", "Folder for the corpus.")
@click.option("--people", type=COUNT, default=16_000, help="Pictures of people in outfits.")
@click.option("--products", type=COUNT, default=5000, help="Pictures of products and logos.")
@click.option("--poses", type=COUNT, default=3000, help="Pictures of people in poses.")
@click.option("--size", type=click.IntRange(32, 512), default=128, help="Side of a picture, px.")
@click.option("--seed", type=SEED, default=20_000_000, help="No study uses it.")
@click.option("--workers", type=click.IntRange(1, 1024), default=2, help="Processes.")
def main(out: Path, people: int, products: int, poses: int, size: int, seed: int, workers: int) -> None:
    """Compose pictures, label maps and captions."""
    counts = {compose_person: people, compose_product: products, compose_pose: poses}
    total = sum(counts.values())
    with atomic_write(out) as folder:
        folder.mkdir()
        images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, (total, size, size, 3))
        labels = np.lib.format.open_memmap(folder / "labels.npy", "w+", np.uint8, (total, size, size))
        with (folder / "captions.jsonl").open("w", encoding="utf-8") as captions:
            made = tqdm(compose_corpus(counts, seed, size, workers), total=total, desc="corpus", disable=None)
            for number, one in enumerate(made):
                images[number], labels[number] = one.image, one.labels
                captions.write(json.dumps(one.record, separators=(",", ":")) + "\n")
        images.flush()
        labels.flush()
    click.echo(f"{total} pictures in {out}, for instance: {one.record['prompt']}")


if __name__ == "__main__":
    main()
