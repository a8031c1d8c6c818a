"""Render the corpus that the editor, its CLIP, feature network and segmenter are trained on.

    python -m pretrain.editor.corpus --out pretrain/editor/corpus

A scene is rendered in several fabrics: for each garment worn a 2 × 2 grid (two colours × two patterns), so that any two
images of a grid are an edit in both directions (a colour, a pattern, or both). Each image also has a *leaky* version:
the fabric's colour or print spills over a box, the whole figure or the whole image (never over the other garment), as
in the training pairs of a general editor.

Files: images.npy uint8 (N, S, S, 3); labels.npy uint8 (scenes, S, S) of SEGMENTS; pictures.json and pairs.json.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageFilter
from tqdm import tqdm

from atelier.common import command
from atelier.common.options import SEED
from atelier.synthetic import fashion
from atelier.synthetic.fashion.fabric import print_fabric
from atelier.text.instructions import RENDERED_COLOURS, RENDERED_PATTERNS

SEGMENTS = ("background", "upper", "lower", "full", "skin", "hair")
REGIONS = ("box", "figure", "picture")
SHARD = 100  # scenes that a worker renders at a time


def label_map(masks: dict[str, np.ndarray]) -> np.ndarray:
    """Return indices into SEGMENTS, uint8 (H, W); the face counts as skin, shoes and linings as background."""
    labels = np.zeros(masks["background"].shape, np.uint8)
    for name, mask in masks.items():
        labels[mask] = SEGMENTS.index("skin" if name == "face" else name)
    return labels


def spill(
    picture: np.ndarray, scene: fashion.Scene, layout: fashion.Layout, slot: str, rng: np.random.Generator
) -> np.ndarray:
    """Render an imprecise edit: the fabric of `slot` spills past the garment, but not onto the other garment."""
    size = picture.shape[0]
    garment, mask = scene.garments[slot], layout.masks[slot]
    region = np.zeros((size, size), np.uint8)
    kind = REGIONS[int(rng.choice(3, p=(0.4, 0.2, 0.4)))]
    if kind == "box" and mask.any():
        ys, xs = np.nonzero(mask)
        grow = int(size * rng.uniform(0.08, 0.3))
        region[max(0, ys.min() - grow) : ys.max() + grow, max(0, xs.min() - grow) : xs.max() + grow] = 255
    elif kind == "figure":
        region[~layout.masks["background"]] = 255
    else:
        region[:] = 255
    for other in scene.garments:
        if other != slot:
            region[layout.masks[other]] = 0
    region[mask] = 0
    soft = np.asarray(Image.fromarray(region).filter(ImageFilter.GaussianBlur(size / 64)), np.float32)[..., None] / 255
    light = picture.astype(np.float32).mean(2) / 255
    pattern = garment.pattern if rng.random() < 0.6 else "solid"
    flat = np.zeros((size, size), np.float32)
    cloth = print_fabric(garment.colour, pattern, 0.55 + 0.6 * light, flat)
    strength = rng.uniform(0.5, 0.9)
    spilled = picture * (1 - soft * strength) + cloth * soft * strength
    return np.clip(spilled + 0.5, 0, 255).astype(np.uint8)


def _grid(rng: np.random.Generator, scene: fashion.Scene, slot: str) -> list[fashion.Scene]:
    """Return the scene and three others: another colour, another pattern, both; none in a held-out fabric."""
    garment = scene.garments[slot]
    while True:
        colour = RENDERED_COLOURS[int(rng.integers(len(RENDERED_COLOURS)))]
        pattern = RENDERED_PATTERNS[int(rng.integers(len(RENDERED_PATTERNS)))]
        if colour == garment.colour or pattern == garment.pattern:
            continue
        grid = [
            fashion.edit(scene, slot, colour=c, pattern=p)
            for c, p in ((colour, None), (None, pattern), (colour, pattern))
        ]
        if not any(other.held_out for other in grid):
            return [scene, *grid]


def render_scenes(
    first: int, count: int, seed: int, size: int
) -> tuple[np.ndarray, np.ndarray, list[dict], list[dict]]:
    """Render scenes first … first + count: images, label maps, image records and pairs (indices in the shard)."""
    images, labels, pictures, pairs = [], [], [], []

    def add(image: np.ndarray, scene: fashion.Scene, index: int, leaky: str | None) -> int:
        images.append(image)
        garments = {slot: asdict(garment) for slot, garment in scene.worn}
        pictures.append({"scene": index, "gender": scene.gender, "garments": garments, "leaky": leaky})
        return len(images) - 1

    for index in range(first, first + count):
        rng = np.random.default_rng([seed, index])
        scene = fashion.sample_outfit(rng, ("studio", "street")[index % 2])
        layout = fashion.lay_out(scene, size)
        labels.append(label_map(layout.masks))
        base = None
        for slot in scene.garments:
            grid = _grid(rng, scene, slot)
            rendered = [fashion.paint(variant, layout) for variant in grid]
            base = add(rendered[0], scene, index, None) if base is None else base
            exact = [base, *(add(p, v, index, None) for p, v in zip(rendered[1:], grid[1:], strict=True))]
            leaks = [add(spill(p, v, layout, slot, rng), v, index, slot) for p, v in zip(rendered, grid, strict=True)]
            for source in range(4):
                for target in range(4):
                    old, new = grid[source].garments[slot], grid[target].garments[slot]
                    if source != target:
                        pairs.append({
                            "source": exact[source], "target": exact[target], "leaky": leaks[target],
                            "garment": new.kind, "slot": slot, "scene": index,
                            "colour": new.colour if new.colour != old.colour else None,
                            "pattern": new.pattern if new.pattern != old.pattern else None,
                        })  # fmt: skip
    return np.stack(images), np.stack(labels), pictures, pairs


def write(out: Path, images: np.ndarray, labels: np.ndarray, pictures: list[dict], pairs: list[dict]) -> None:
    """Write the corpus as `pretrain.common.corpus.read_corpus` reads it."""
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "images.npy", images)
    np.save(out / "labels.npy", labels)
    (out / "pictures.json").write_text(json.dumps(pictures))
    (out / "pairs.json").write_text(json.dumps(pairs))


@command.stage
@command.path_option("out", "Folder for the corpus.")
@click.option("--scenes", type=click.IntRange(SHARD, 1_000_000), default=12000, help="Scenes to render.")
@click.option("--size", type=click.IntRange(32, 2048), default=64, help="Side of an image, px.")
@click.option("--seed", type=SEED, default=20_000_000, help="No study uses it.")
@click.option("--workers", type=click.IntRange(1, 1024), default=2, help="Processes.")
def main(out: Path, scenes: int, size: int, seed: int, workers: int) -> None:
    """Render scenes, their edits and their leaky edits."""
    starts = range(0, scenes, SHARD)
    images, labels, pictures, pairs = [], [], [], []
    with ProcessPoolExecutor(workers) as pool:
        jobs = [pool.submit(render_scenes, start, SHARD, seed, size) for start in starts]
        for job in tqdm(jobs, desc="corpus", unit="shard", disable=None):
            shard_images, shard_labels, shard_pictures, shard_pairs = job.result()
            for pair in shard_pairs:
                for key in ("source", "target", "leaky"):
                    pair[key] += len(pictures)
            images.append(shard_images)
            labels.append(shard_labels)
            pictures += shard_pictures
            pairs += shard_pairs
    write(out, np.concatenate(images), np.concatenate(labels), pictures, pairs)
    click.echo(f"{scenes} scenes, {len(pictures)} images, {len(pairs)} pairs in {out}")


if __name__ == "__main__":
    main()
