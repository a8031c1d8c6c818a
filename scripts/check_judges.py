"""Check what the judges see in composed photographs: the order of changes, and whether items are told apart.

    PYTHONPATH=src python scripts/check_judges.py

ST-LPIPS is measured between a picture and the picture after a change. EfficientNet's cosine is measured between two
shots of an outfit, of the outfit in other fabrics, and of another outfit.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

from atelier.common import command
from atelier.images.tensors import to_tensor
from atelier.judges.efficientnet import EfficientNet, similarity
from atelier.judges.stlpips import StLpips
from atelier.stats.bootstrap import Clusters
from atelier.text.instructions import RENDERED_COLOURS
from atelier.world.programs import Scene, edit, seen_slots
from atelier.world.render import render
from atelier.world.rows import make_row_scene
from atelier.world.shards import Shards, ShotItem, find_folder

SIDE, SEED, DRAWS = 128, 0, 2_000
INPUT_SIDES = (128, 224)  # to which EfficientNet resizes


def picture(scene: Scene, world: Shards) -> Tensor:
    """Compose a scene: (3, SIDE, SIDE) in [0, 1]."""
    return to_tensor(render(scene, SIDE, world).image[None])[0]


def changes(world: Shards, items: list[ShotItem]) -> Iterator[dict[str, Tensor]]:
    """Yield an outfit's picture under "copy", and the pictures after each change."""
    rng = np.random.default_rng(SEED)
    for item, other in zip(items, [*items[1:], items[0]], strict=True):
        scene = make_row_scene(world, item, SEED, 0, 0)
        facts = world.facts[scene.shot]
        smallest = min(scene.garments, key=lambda slot: facts["seen"][seen_slots(facts)[slot]])
        worn = scene.garments[smallest].colour
        colour = str(rng.choice([one for one in RENDERED_COLOURS if one != worn]))
        camera = replace(scene.camera, seed=scene.camera.seed + 1)
        source = picture(scene, world)
        yield {
            "copy": source,
            "camera noise": picture(replace(scene, camera=camera), world),
            "shift by 1 px": torch.cat([source[..., 1:], source[..., -1:]], dim=-1),
            "colour of the smallest garment": picture(edit(scene, smallest, colour=colour), world),
            "other fabrics, same shot": picture(_in_other_fabrics(scene, world, item, 0), world),
            "another outfit's picture": picture(make_row_scene(world, other, SEED, 0, 0), world),
        }


def _in_other_fabrics(scene: Scene, world: Shards, item: ShotItem, shot: int) -> Scene:
    """Return a scene with the outfit's second variant of fabrics; nothing else changes."""
    return replace(scene, worn=make_row_scene(world, item, SEED, 1, shot).worn)


def shots(world: Shards, items: list[ShotItem]) -> dict[str, Tensor]:
    """Compose each outfit's first shot, second shot, second shot in other fabrics, and another outfit's second shot."""
    rows: dict[str, list[Tensor]] = {"first": [], "same": [], "fabrics": [], "other": []}
    for item, other in zip(items, [*items[1:], items[0]], strict=True):
        first, same = (make_row_scene(world, item, SEED, 0, shot) for shot in (0, 1))
        scenes = (first, same, _in_other_fabrics(same, world, item, 1), make_row_scene(world, other, SEED, 0, 1))
        for name, scene in zip(rows, scenes, strict=True):
            rows[name].append(picture(scene, world))
    return {name: torch.stack(pictures) for name, pictures in rows.items()}


def describe(name: str, values: Tensor) -> str:
    """Write a row of a table: mean with its 95 % interval over outfits."""
    clusters = Clusters.draw(np.arange(len(values)), DRAWS, SEED)
    mean, low, high = (float(one[0]) for one in clusters.estimate(values.double().numpy()[:, None]))
    return f"| {name} | {mean:.4f} [{low:.4f}, {high:.4f}] |"


def report_distances(metric: StLpips, world: Shards, items: list[ShotItem]) -> None:
    """Print ST-LPIPS of each change, and how often a change counts more than the one before it."""
    found: dict[str, list[Tensor]] = {}
    for pictures in changes(world, items):
        features = {name: metric.features(one[None]) for name, one in pictures.items()}
        for name, those in features.items():
            differences = metric.differences(features["copy"], those)
            found.setdefault(name, []).append(sum(layer.mean() for layer in differences))
    table = {name: torch.stack(values) for name, values in found.items()}
    click.echo(f"ST-LPIPS, {len(items)} outfits")
    for name, values in table.items():
        click.echo(describe(name, values))
    names = ("copy", "camera noise", "colour of the smallest garment", "another outfit's picture")
    for before, after in pairwise(names):
        click.echo(describe(f"{before} < {after}", table[before] < table[after]))


def report_similarities(net: EfficientNet, world: Shards, items: list[ShotItem]) -> None:
    """Print EfficientNet's cosines, and how often the same outfit is nearer, by the side that images are resized to."""
    pictures = shots(world, items)
    for side in INPUT_SIDES:
        net.size = side
        features = {name: torch.cat([net.features(one) for one in batch.split(32)]) for name, batch in pictures.items()}
        cosines = {name: similarity(features["first"], features[name]) for name in ("same", "fabrics", "other")}
        click.echo(f"EfficientNet at {side} px, {len(items)} outfits")
        for name, values in cosines.items():
            click.echo(describe(name, values))
        click.echo(describe("same > other", cosines["same"] > cosines["other"]))
        click.echo(describe("same > fabrics", cosines["same"] > cosines["fabrics"]))


@click.command(cls=command.Command)
@click.option("--base", type=click.Path(path_type=Path), default=Path("models/base"), help="Folder of the judges.")
@click.option("--count", default=200, show_default=True, help="Outfits, at most.")
def main(base: Path, count: int) -> None:
    """Print both judges' tables for stored shots."""
    torch.set_num_threads(1)
    world = Shards(find_folder())
    items = [item for domain in ("studio", "street") for item in world.items(domain, 2)][:count]
    report_distances(StLpips.load(base / "stlpips"), world, items)
    report_similarities(EfficientNet.load(base / "efficientnet-lite0"), world, items)


if __name__ == "__main__":
    main()
