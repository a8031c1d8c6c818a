"""Train a small network on composed pictures and measure it on outfits it has not seen: do the masks teach?

    python -m shoot.segmenter data/world --out out/segmenter

It is the network of `pretrain.segmentation`, trained from nothing.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch

from atelier.common.command import Command
from atelier.common.errors import UserError
from atelier.common.files import write_text
from atelier.images.tensors import to_tensor
from atelier.world.compose import Camera, Shot
from pretrain.common.loop import fit
from pretrain.common.options import training_options
from pretrain.segmentation import Logits, build, find_labels, overlaps, segmentation_loss, vary
from shoot.examples import open_shots, sample_fabrics

Array = np.ndarray
LABELS = ("background", "person", "face", "upper", "lower", "full", "outer")  # person: other skin, hair and shoes
HELD_OUT = 6  # every sixth outfit is held out
_SLOTS = {"dress": "full", "jacket": "outer", "skirt": "lower", "trousers": "lower", "shorts": "lower"}


@dataclass(frozen=True)
class Pictures:
    """Composed pictures uint8 (N, S, S, 3), their label maps uint8 (N, S, S), and which are of held-out outfits."""

    images: Array
    labels: Array
    held_out: Array


def label(shot: Shot, scale: int) -> Array:
    """Return which of LABELS covers most of each pixel of a picture made smaller by a whole factor, uint8."""
    alpha, body = shot.stored.alpha.astype(np.int64), shot.stored.body.astype(np.int64)
    height, width = alpha.shape[:2]
    shares = np.zeros((height, width, len(LABELS)), np.int64)
    for number, cut in enumerate(shot.stored.facts["outfit"]):
        shares[..., LABELS.index(_SLOTS.get(cut["kind"], "upper"))] += alpha[..., number]
    shares[..., LABELS.index("face")] = body[..., 1]
    shares[..., LABELS.index("person")] = np.maximum(body[..., 0] - body[..., 1], 0)
    shares[..., 0] = 255 - shares[..., 1:].sum(-1)
    return _reduce(shares, scale).argmax(-1).astype(np.uint8)


def _reduce(values: Array, scale: int) -> Array:
    """Sum scale × scale blocks of (H, W, k)."""
    height, width, depth = values.shape
    return values.reshape(height // scale, scale, width // scale, scale, depth).sum((1, 3))


def _compose(folder: Path, size: int, count: int, ways: int) -> Iterator[tuple[Array, Array, bool]]:
    """Yield pictures in several fabrics, their labels, and whether their outfit is held out; then without twins."""
    for _, shot in open_shots(folder, count, twins=True):
        side, facts = shot.alpha.shape[0], shot.stored.facts
        if side % size:
            raise UserError(f"--size {size}: not a whole part of the shots' {side} px")
        scale, held = side // size, facts["item"] % HELD_OUT == 0
        if held and facts["twin"]:
            continue
        truth = label(shot, scale)
        for way in range(1 if held else ways):
            seed = 1000 * facts["seed"] + 10 * bool(facts["twin"]) + way
            camera = Camera(noise=1.6, seed=seed)
            picture = shot.picture(sample_fabrics(seed), camera).astype(np.int64)
            yield (_reduce(picture, scale) // scale**2).astype(np.uint8), truth, held


def read_pictures(folder: Path, size: int, count: int, ways: int) -> Pictures:
    """Compose pictures of the shots of a folder.

    Args:
        ways: pictures in other fabrics of each shot that is trained on; held-out ones have one.
    """
    made = list(_compose(folder, size, count, ways))
    held = np.array([held for *_, held in made], bool)
    if not held.any() or held.all():
        raise UserError(f"{folder}: no shots to train on or none to measure on; every {HELD_OUT}th outfit is held out")
    return Pictures(np.stack([picture for picture, *_ in made]), np.stack([truth for _, truth, _ in made]), held)


@click.command(cls=Command)
@click.argument("shots", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--size", default=128, show_default=True, help="Side of the pictures, px; a part of the shots'.")
@click.option("--count", default=3000, show_default=True, help="Shots at most, twins included, the first ones by name.")
@click.option("--ways", default=4, show_default=True, help="Pictures of each shot, in other fabrics.")
@training_options(steps=4000, batch_size=16)
def main(shots: Path, size: int, count: int, ways: int, out: Path, steps: int, batch_size: int) -> None:
    """Train on composed pictures; write what is measured on held-out outfits to segmenter.json."""
    data = read_pictures(shots, size, count, ways)
    torch.manual_seed(0)
    logits_of, train = Logits(build(LABELS)), np.flatnonzero(~data.held_out)
    click.echo(f"{len(train)} pictures to train on, {data.held_out.sum()} held out, {size} px")

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        some = np.random.default_rng([21, step]).choice(train, batch_size)
        x, truth = vary(to_tensor(data.images[some]), torch.from_numpy(data.labels[some]).long(), step)
        return segmentation_loss(logits_of(x), truth), {}

    settings = {"batch": batch_size, "data": hashlib.sha256(data.images.tobytes()).hexdigest()}
    groups, began = [{"params": list(logits_of.model.parameters()), "lr": 1.5e-3}], time.process_time()
    with fit("world segmenter", logits_of.model, groups, loss_of, steps=steps, settings=settings):
        found = find_labels(logits_of, data.images[data.held_out])
        scores = overlaps(found, data.labels[data.held_out], LABELS)
        out.mkdir(parents=True, exist_ok=True)
        facts = {"size": size, "steps": steps, "trained on": len(train), "held out": int(data.held_out.sum())}
        seconds = round(time.process_time() - began)
        write_text(out / "segmenter.json", json.dumps(facts | {"CPU seconds": seconds, "IoU": scores}, indent=2) + "\n")
        click.echo("".join(f"{name}: {score:.3f}\n" for name, score in scores.items()))


if __name__ == "__main__":
    main()
