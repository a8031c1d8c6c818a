"""Read the corpora: the editor's scenes, and the images with prompts of the text-to-image models.

Legend: N images, S side in px.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from atelier.text.instructions import FULL, LOWER, RENDERED_COLOURS, RENDERED_PATTERNS, UPPER

HELD_OUT = 0.02  # share that no model is trained on
SLOTS = {"upper": UPPER, "lower": LOWER, "full": FULL}  # slot → garment kinds


@dataclass(frozen=True)
class Corpus:
    """The editor's corpus."""

    images: np.ndarray  # uint8 (N, S, S, 3), memory-mapped
    labels: np.ndarray  # uint8 (scenes, S, S)
    pictures: list[dict]  # one record per image
    pairs: list[dict]
    train_scenes: int  # number of training scenes; the scenes after them are held out


def read_corpus(folder: Path, held_out: float = HELD_OUT) -> Corpus:
    """Read what `pretrain.editor.corpus` wrote; the last `held_out` share of scenes is for evaluation only."""
    images, labels = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("images", "labels"))
    pictures, pairs = (json.loads((folder / f"{name}.json").read_text()) for name in ("pictures", "pairs"))
    return Corpus(images, labels, pictures, pairs, int(len(labels) * (1 - held_out)))


def read_shots(folder: Path) -> tuple[np.ndarray, list[dict], int]:
    """Read the corpus of a text-to-image model: images uint8 (N, S, S, 3), their records, the number to train on."""
    images = np.load(folder / "images.npy", mmap_mode="r")
    return images, json.loads((folder / "shots.json").read_text()), int(len(images) * (1 - HELD_OUT))


def label_table(corpus: Corpus) -> dict[str, np.ndarray]:
    """Return what is worn in every image as class indices: "upper kind", "upper colour", … int64 (N,); 0: nothing."""
    classes = {"colour": RENDERED_COLOURS, "pattern": RENDERED_PATTERNS}
    table = {}
    for slot, kinds in SLOTS.items():
        for what, names in {"kind": kinds, **classes}.items():
            index = {name: i + 1 for i, name in enumerate(names)}
            worn = (picture["garments"].get(slot) for picture in corpus.pictures)
            table[f"{slot} {what}"] = np.array([index[g[what]] if g else 0 for g in worn], dtype=np.int64)
    return table


def held_out_mask(corpus: Corpus) -> np.ndarray:
    """Return bool (N,): True for images of held-out scenes."""
    return np.array([picture["scene"] >= corpus.train_scenes for picture in corpus.pictures])


class LabelHeads(nn.Module):
    """One linear classifier per column of `label_table`, over image features: an auxiliary loss; not saved."""

    def __init__(self, width: int, table: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.sizes = [int(values.max()) + 1 for values in table.values()]
        self.linear = nn.Linear(width, sum(self.sizes))

    def forward(self, features: torch.Tensor, labels: list[torch.Tensor]) -> tuple[torch.Tensor, float]:
        """Return the mean cross-entropy over the columns, and the mean accuracy."""
        parts = self.linear(features.float()).split(self.sizes, 1)
        losses = [nn.functional.cross_entropy(part, label) for part, label in zip(parts, labels, strict=True)]
        hits = [(part.argmax(1) == label).float().mean() for part, label in zip(parts, labels, strict=True)]
        return torch.stack(losses).mean(), torch.stack(hits).mean().item()
