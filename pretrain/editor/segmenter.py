"""Train the garment segmenter, a small SegFormer, for images without masks.

python -m pretrain.editor.segmenter --corpus pretrain/editor/corpus --out models/base/segmenter
"""

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessor

from atelier.common import command
from atelier.images.tensors import to_tensor
from pretrain.common.corpus import held_out_mask, read_corpus
from pretrain.common.loop import fit
from pretrain.common.options import input_option, training_options
from pretrain.editor.corpus import SEGMENTS

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # SegformerImageProcessor's own defaults


def build(labels: Sequence[str] = SEGMENTS) -> SegformerForSemanticSegmentation:
    """Build an untrained SegFormer for some labels; its output has half the image's side."""
    return SegformerForSemanticSegmentation(
        SegformerConfig(
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={name: index for index, name in enumerate(labels)},
            depths=[1, 1, 1, 1],
            hidden_sizes=[16, 32, 64, 96],
            num_attention_heads=[1, 2, 2, 4],
            sr_ratios=[4, 2, 1, 1],
            patch_sizes=[3, 3, 3, 3],
            strides=[2, 2, 2, 2],
            mlp_ratios=[2, 2, 2, 2],
            decoder_hidden_size=64,
        )
    )


class Logits:
    """A SegFormer's logits at the resolution of its input."""

    def __init__(self, model: SegformerForSemanticSegmentation) -> None:
        self.model = model
        self.mean, self.std = (torch.tensor(value)[None, :, None, None] for value in (MEAN, STD))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (B, labels, H, W) of images (B, 3, H, W) in [0, 1]."""
        logits = self.model(pixel_values=(x - self.mean) / self.std).logits
        return F.interpolate(logits, x.shape[-2:], mode="bilinear", align_corners=False)


def segmentation_loss(logits: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the cross-entropy with label maps int64 (B, H, W), and the share of correct pixels to print."""
    return F.cross_entropy(logits, truth), {"pixels": (logits.argmax(1) == truth).float().mean().item()}


@torch.no_grad()
def save(logits_of: Logits, images: np.ndarray, truth: torch.Tensor, labels: Sequence[str], out: Path) -> None:
    """Print the intersection over union on held-out images uint8 (N, S, S, 3); save in transformers' format."""
    model = logits_of.model.eval()
    found = torch.cat([logits_of(x).argmax(1) for x in to_tensor(images).split(50)])
    for index, name in enumerate(labels):
        both, either = ((found == index) & (truth == index)).sum(), ((found == index) | (truth == index)).sum()
        click.echo(f"held-out intersection over union, {name}: {both / either:.4f}")
    model.save_pretrained(out)
    size = {"height": images.shape[1], "width": images.shape[1]}
    SegformerImageProcessor(size=size, image_mean=MEAN, image_std=STD).save_pretrained(out)


@command.stage
@input_option("corpus", "Folder of the editor's corpus.")
@training_options(steps=1500, batch_size=32)
def main(corpus: Path, out: Path, steps: int, batch_size: int) -> None:
    """Train on clean images, report held-out intersection over union, save in transformers' format."""
    data = read_corpus(corpus)
    torch.manual_seed(0)
    logits_of = Logits(build())
    held, clean = held_out_mask(data), np.array([picture["leaky"] is None for picture in data.pictures])
    scene = np.array([picture["scene"] for picture in data.pictures])
    train, test = np.flatnonzero(~held & clean), np.flatnonzero(held & clean)[::3][:300]

    def truth_of(some: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(data.labels[scene[some]]).long()

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        some = np.sort(np.random.default_rng([4, step]).choice(train, batch_size, replace=False))
        return segmentation_loss(logits_of(to_tensor(data.images[some])), truth_of(some))

    groups = [{"params": list(logits_of.model.parameters()), "lr": 2e-3}]
    with fit("segmenter", logits_of.model, groups, loss_of, steps=steps, settings={"batch": batch_size}):
        save(logits_of, data.images[test], truth_of(test), SEGMENTS, out)


if __name__ == "__main__":
    main()
