"""Compose the captioned pictures that the base models are trained on.

    python -m pretrain.corpus --out pretrain/corpus --people 16000

Only shots that are the base models' are used (`world.shards.part_of`), and no fabric that is held out
(`text.colours.is_held_out`); every picture has fabrics, camera and caption of its own.

Files: images.npy uint8 (N, S, S, 3); labels.npy uint8 (N, S, S) of SEGMENTS; captions.jsonl, a record of each picture.
"""

import json
from collections.abc import Iterator
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
from atelier.world import Scene, describe_scene, lay_out, paint, sample_outfit
from atelier.world.shards import open_world

SEGMENTS = ("background", "body", "face", "upper", "inner", "lower", "full")  # body: skin, hair and shoes
SHARD = 200  # pictures that a worker composes at a time
_VIEWS = {"side": "seen from the side", "back": "seen from behind"}
_PLACES = {"studio": "in a studio", "street": "on a street", "park": "in a park", "wall": "in front of a wall",
           "room": "in a room"}  # fmt: skip
_SAID = 0.5  # probability that a caption says where the person is


@dataclass(frozen=True)
class Composed:
    """A picture of the corpus.

    Attributes:
        image: uint8 (S, S, 3).
        labels: indices into SEGMENTS, uint8 (S, S).
        record: prompt, subject and what they were composed from.
    """

    image: np.ndarray
    labels: np.ndarray
    record: dict[str, Any]


def label_map(masks: dict[str, np.ndarray]) -> np.ndarray:
    """Return indices into SEGMENTS, uint8 (H, W), of disjoint masks by name."""
    labels = np.zeros(masks["background"].shape, np.uint8)
    for name, mask in masks.items():
        labels[mask] = SEGMENTS.index(name)
    return labels


def caption_of(scene: Scene, place: str, rng: np.random.Generator) -> str:
    """Return a caption that names the clothes, a view other than the front, and sometimes the place."""
    parts = [describe_scene(scene)]
    if scene.view in _VIEWS:
        parts.append(_VIEWS[scene.view])
    if rng.random() < _SAID:
        parts.append(_PLACES[place])
    return " ".join(parts)


def compose_person(seed: int, number: int, size: int) -> Composed:
    """Compose a picture of a person; it depends on seed, number and the stored shots alone."""
    rng, world = np.random.default_rng([seed, number]), open_world()
    scene = sample_outfit(rng, ("studio", "street")[number % 2], part="base", world=world)
    layout = lay_out(scene, size, world)
    place = world.facts[scene.shot].get("place", scene.domain)
    record = {"prompt": caption_of(scene, place, rng), "subject": "person", "scene": json.loads(scene.to_json())}
    return Composed(paint(scene, layout), label_map(layout.masks), record)


def _compose(first: int, count: int, seed: int, size: int) -> list[Composed]:
    return [compose_person(seed, number, size) for number in range(first, first + count)]


def compose_corpus(people: int, seed: int, size: int, workers: int) -> Iterator[Composed]:
    """Yield the pictures of the corpus in order."""
    with ProcessPoolExecutor(workers) as pool:
        jobs = [
            pool.submit(_compose, start, min(SHARD, people - start), seed, size) for start in range(0, people, SHARD)
        ]
        while jobs:
            yield from jobs.pop(0).result()


@command.stage
@command.path_option("out", "Folder for the corpus.")
@click.option("--people", type=COUNT, default=16_000, help="Pictures of people.")
@click.option("--size", type=click.IntRange(32, 512), default=128, help="Side of a picture, px.")
@click.option("--seed", type=SEED, default=20_000_000, help="No study uses it.")
@click.option("--workers", type=click.IntRange(1, 1024), default=2, help="Processes.")
def main(out: Path, people: int, size: int, seed: int, workers: int) -> None:
    """Compose pictures, label maps and captions."""
    with atomic_write(out) as folder:
        folder.mkdir()
        images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, (people, size, size, 3))
        labels = np.lib.format.open_memmap(folder / "labels.npy", "w+", np.uint8, (people, size, size))
        with (folder / "captions.jsonl").open("w", encoding="utf-8") as captions:
            made = tqdm(compose_corpus(people, seed, size, workers), total=people, desc="corpus", disable=None)
            for number, one in enumerate(made):
                images[number], labels[number] = one.image, one.labels
                captions.write(json.dumps(one.record, separators=(",", ":")) + "\n")
        images.flush()
        labels.flush()
    click.echo(f"{people} pictures in {out}, for instance: {one.record['prompt']}")


if __name__ == "__main__":
    main()
