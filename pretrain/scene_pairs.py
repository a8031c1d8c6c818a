"""Make the pairs that the editor is trained on: two takes of one scene, between which one garment changes.

    python -m pretrain.scene_pairs --vae pretrain/vae --out pretrain/pairs

Pairs that the text-to-image model generates by Prompt-to-Prompt keep shapes, but not the person (docs/log.md), so the
pairs are composed of the base models' shots. Each picture is a take of its own: exposure, white balance and noise
differ by chance between the two, as do those of photographs of one scene. Both are framed alike. Nothing spills on
purpose; the renderer's exact target, with the same light, is in no pair.

Files: sources.npy, targets.npy float16 (N, C, S/8, S/8), latents that are not scaled; pairs.jsonl, a record of each.
"""

import json
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from tqdm import tqdm

from atelier.common import command
from atelier.common.files import atomic_write
from atelier.common.options import COUNT, SEED
from atelier.text.instructions import RENDERED_COLOURS, RENDERED_PATTERNS, correct_articles, instruct
from atelier.world import Scene, edit, edit_cut, lay_out, paint, sample_outfit
from atelier.world.fabrics import CLOTH_RGB, PATTERNS
from atelier.world.framing import sample_framing
from atelier.world.programs import Garment
from atelier.world.sample import sample_camera
from atelier.world.shards import open_world
from pretrain.common.autoencoder import open_vae, to_input
from pretrain.common.options import input_option
from pretrain.principal_components import read_code

FACTORS = {"colour": 0.42, "pattern": 0.42, "both": 0.08, "cut": 0.08}  # probability of each change
ITEM = 0.7  # share of the edits that change the row's item; the others change any garment
BASIC = 0.7  # share of the colours, and of the prints, that are those that prompts name most
CLOSEST = 0.6  # least side of what is framed, share of the picture's
SHARD = 100  # pairs that a worker makes at a time


def draw_fabric(rng: np.random.Generator, garment: Garment) -> dict[str, str]:
    """Draw a new colour, print or both of a garment: what `world.edit` takes."""
    names = [name for name in FACTORS if name != "cut"]
    odds = np.array([FACTORS[name] for name in names])
    factor, changed = names[int(rng.choice(len(names), p=odds / odds.sum()))], {}
    for key, basic, all_ in (
        ("colour", RENDERED_COLOURS, tuple(CLOTH_RGB)),
        ("pattern", RENDERED_PATTERNS, PATTERNS),
    ):
        if factor in (key, "both"):
            values = [value for value in (basic if rng.random() < BASIC else all_) if value != getattr(garment, key)]
            changed[key] = values[int(rng.integers(len(values)))]
    return changed


def instruct_cut(kind: str, words: str) -> str:
    """Return the instruction of an edit of a cut: "make the skirt longer", "give the shirt long sleeves"."""
    sleeves = words.removeprefix("with ")
    return f"give the {kind} {sleeves}" if sleeves != words else f"make the {kind} {words}"


def draw_edit(scene: Scene, rng: np.random.Generator, wording: random.Random) -> tuple[str, Scene, str]:
    """Draw an edit of a scene; return the slot that it changes, the edited scene and an instruction."""
    if rng.random() < FACTORS["cut"] and (found := edit_cut(scene)) is not None:
        slot, words, edited = found
        kind = scene.garments[slot].name or scene.garments[slot].kind
        return slot, edited, instruct_cut(kind, words)
    slots = list(scene.garments)
    slot = scene.item if rng.random() < ITEM else slots[int(rng.integers(len(slots)))]
    garment = scene.garments[slot]
    changed = draw_fabric(rng, garment)
    said = instruct(wording, garment.kind, **changed)
    return slot, edit(scene, slot, **changed), correct_articles(said)


def make_pair(seed: int, number: int, size: int) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Compose a pair, uint8 (S, S, 3) each; it depends on seed, number and the stored shots alone."""
    rng, world = np.random.default_rng([seed, number]), open_world()
    scene = replace(sample_outfit(rng, ("studio", "street")[number % 2], part="base", world=world), bars=0.0)
    slot, edited, said = draw_edit(scene, rng, random.Random(f"{seed} {number}"))
    edited = replace(edited, camera=sample_camera(rng, scene.domain))
    before, after = (lay_out(one, world.facts[one.shot]["side"], world) for one in (scene, edited))
    framing = sample_framing(rng, before.masks[slot] | after.masks[slot], CLOSEST)
    pictures = (framing.show(paint(one, layout), size) for one, layout in ((scene, before), (edited, after)))
    return *pictures, {"instruction": said, "slot": slot, "shot": scene.shot, "target": edited.shot}


def _make(first: int, count: int, seed: int, size: int) -> list[tuple[np.ndarray, np.ndarray, dict[str, Any]]]:
    return [make_pair(seed, number, size) for number in range(first, first + count)]


def make_pairs(
    count: int, seed: int, size: int, workers: int
) -> Iterator[list[tuple[np.ndarray, np.ndarray, dict[str, Any]]]]:
    """Yield the pairs in order, some at a time."""
    starts = range(0, count, SHARD)
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(partial(_make, seed=seed, size=size), starts, [min(SHARD, count - n) for n in starts])


@command.stage
@input_option("vae", "Folder of the autoencoder, whose encoder `pretrain.autoencoder` wrote.")
@command.path_option("out", "Folder for the pairs.")
@click.option("--pairs", "count", type=COUNT, default=24_000, help="Number of pairs.")
@click.option("--size", type=click.IntRange(32, 512), default=128, help="Side of a picture, px.")
@click.option("--seed", type=SEED, default=24_000_000, help="No study uses it.")
@click.option("--workers", type=click.IntRange(1, 1024), default=2, help="Processes.")
@torch.no_grad()
def main(vae: Path, out: Path, count: int, size: int, seed: int, workers: int) -> None:
    """Compose pairs and encode them."""
    code = read_code(open_vae(vae))
    with atomic_write(out) as folder:
        folder.mkdir()
        shape = (count, len(code.bias), size // 8, size // 8)
        sources, targets = (
            np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float16, shape)
            for name in ("sources", "targets")
        )
        with (folder / "pairs.jsonl").open("w", encoding="utf-8") as lines:
            start, progress = 0, tqdm(total=count, desc="pairs", disable=None)
            for made in make_pairs(count, seed, size, workers):
                for place, latents in enumerate((sources, targets)):
                    x = to_input(np.stack([pair[place] for pair in made]))
                    latents[start : start + len(made)] = code.encode(x).numpy()
                lines.writelines(json.dumps(record) + "\n" for *_, record in made)
                start += len(made)
                progress.update(len(made))
        sources.flush()
        targets.flush()
    click.echo(f"{count} pairs in {out}, for instance: {made[-1][2]['instruction']}")


if __name__ == "__main__":
    main()
