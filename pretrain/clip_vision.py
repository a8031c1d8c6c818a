"""Teach the image tower of the scoring CLIP what each patch shows, before it meets captions.

    python -m pretrain.clip_vision --corpus pretrain/corpus --out pretrain/clip_vision

Contrast with captions alone takes long to find out which part of a picture a word is about. The corpus has a map of
labels for each picture, so the states of the patches are first classified: which segments a patch shows, and of the
garment that covers it the kind, the colour and the print. It sees no edits.

Legend: B batch, P patches along a side, S side in px.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPModel

from atelier.common import command
from atelier.images.tensors import to_tensor
from atelier.world.fabrics import PATTERNS
from pretrain.clip import PATCHES, WIDTH, build
from pretrain.common.loop import fit
from pretrain.common.options import input_option, training_options
from pretrain.corpus import SEGMENTS
from pretrain.editor.clip import MEAN, STD, decay_groups, save
from pretrain.text_encoder import COLOURS, KINDS, build_words
from pretrain.text_to_image import read_captions

COVERED = 0.7  # share of a patch that a garment covers at least, for the patch to be asked what it is made of
FACTORS = {"kind": KINDS, "colour": COLOURS, "pattern": PATTERNS}


@dataclass(frozen=True)
class PatchTruth:
    """What the patches of a batch show.

    Attributes:
        shares: of each segment, float32 (B, P, P, segments); all zero where it is unknown.
        fabrics: indices into the values of FACTORS, int64 (B, P, P, factors); −1: no garment covers the patch.
    """

    shares: torch.Tensor
    fabrics: torch.Tensor


def garment_table(records: list[dict]) -> np.ndarray:
    """Return the indices into FACTORS of the garment of each segment, int64 (N, segments, factors), −1: none."""
    table = np.full((len(records), len(SEGMENTS), len(FACTORS)), -1)
    for number, record in enumerate(records):
        for slot, garment in record["scene"]["worn"] if "scene" in record else ():
            said = {**garment, "kind": garment["name"] or garment["kind"]}
            table[number, SEGMENTS.index(slot)] = [names.index(said[name]) for name, names in FACTORS.items()]
    return table


def patch_truth(labels: np.ndarray, garments: np.ndarray) -> PatchTruth:
    """Count the labels of each patch.

    Args:
        labels: indices into SEGMENTS; other values are of no segment, uint8 (B, S, S).
        garments: rows of `garment_table`, (B, segments, factors).
    """
    count, side = len(labels), labels.shape[1] // PATCHES
    patches = (
        labels.reshape(count, PATCHES, side, PATCHES, side)
        .transpose(0, 1, 3, 2, 4)
        .reshape(count, PATCHES, PATCHES, -1)
    )
    shares = np.stack([(patches == number).mean(-1) for number in range(len(SEGMENTS))], -1).astype(np.float32)
    shares *= ~(labels.reshape(count, -1).max(1) >= len(SEGMENTS))[:, None, None, None]  # products and people in poses
    main = shares.argmax(-1)
    fabrics = np.take_along_axis(garments[:, None, None], main[..., None, None], axis=3)[..., 0, :]
    fabrics = np.where(shares.max(-1, keepdims=True) >= COVERED, fabrics, -1)
    return PatchTruth(torch.from_numpy(shares), torch.from_numpy(fabrics))


class PatchHeads(nn.Module):
    """Linear classifiers over the states of patches; not saved."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes = [len(SEGMENTS), *map(len, FACTORS.values())]
        self.linear = nn.Linear(WIDTH, sum(self.sizes))

    def forward(self, states: torch.Tensor, truth: PatchTruth) -> tuple[torch.Tensor, dict[str, float]]:
        """Return the sum of the cross-entropies, and the accuracy of each factor to print.

        Args:
            states: of the patches, (B, P², WIDTH).
        """
        segments, *factors = self.linear(states).split(self.sizes, -1)
        shares = truth.shares.flatten(1, 2)
        loss = -(shares * segments.log_softmax(-1)).sum() / shares.sum().clamp(min=1)
        hits = {}
        for number, (name, logits) in enumerate(zip(FACTORS, factors, strict=True)):
            wanted = truth.fabrics[..., number].flatten(1, 2)
            loss = loss + F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=-1)
            known = wanted >= 0
            hits[name] = (logits.argmax(-1) == wanted)[known].float().mean().item()
        return loss, hits


class Taught(nn.Module):
    """A CLIP of which only the image tower is trained, and the heads."""

    def __init__(self, model: CLIPModel) -> None:
        super().__init__()
        self.vision, self.heads = model.vision_model, PatchHeads()

    def states(self, x: torch.Tensor) -> torch.Tensor:
        """Return the states of the patches, (B, P², WIDTH), of normalised pictures (B, 3, S, S)."""
        return self.vision.post_layernorm(self.vision(pixel_values=x).last_hidden_state[:, 1:]).float()


@command.stage
@input_option("corpus", "Folder of the corpus.")
@training_options(steps=3000, batch_size=32, lr=1e-3)
def main(corpus: Path, out: Path, steps: int, batch_size: int, lr: float) -> None:
    """Train the image tower, and save the CLIP with a text tower that is not trained yet."""
    images, labels = (np.load(corpus / f"{name}.npy", mmap_mode="r") for name in ("images", "labels"))
    records = [json.loads(line) for line in (corpus / "captions.jsonl").read_text().splitlines()]
    garments = garment_table(records)
    people = np.flatnonzero([record["subject"] == "person" for record in records])
    torch.manual_seed(0)
    tokenizer = build_words(read_captions(corpus))
    model = build(images.shape[1], tokenizer)
    taught = Taught(model)
    mean, std = (torch.tensor(v)[None, :, None, None] for v in (MEAN, STD))

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        rng = np.random.default_rng([31, step])
        some = np.sort(rng.choice(people, batch_size, replace=False))
        flip = slice(None, None, -1 if rng.random() < 0.5 else 1)
        truth = patch_truth(labels[some][:, :, flip], garments[some])
        x = (to_tensor(np.ascontiguousarray(images[some][:, :, flip])) - mean) / std
        with torch.autocast("cpu", torch.bfloat16):
            states = taught.states(x)
        return taught.heads(states, truth)

    settings = {"batch": batch_size, "lr": lr, "pictures": len(people)}
    with fit("clip-vision", taught, decay_groups(taught, lr), loss_of, steps=steps, settings=settings):
        save(model, tokenizer, images.shape[1], out)
        click.echo(f"image tower: {steps} steps of {batch_size}, saved to {out}")


if __name__ == "__main__":
    main()
