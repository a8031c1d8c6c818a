"""Train the embedded garment segmenter, a small SegFormer, for pictures that bring no mask.

python -m pretrain.editor.segmenter --corpus pretrain/editor/corpus --out models/base/segmenter
"""

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerImageProcessor

from atelier.images.tensors import to_tensor
from pretrain.common.loop import fit, held_out_mask, read_corpus, training_options
from pretrain.editor.corpus import SEGMENTS

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # SegformerImageProcessor's own defaults


def build(labels: Sequence[str] = SEGMENTS) -> SegformerForSemanticSegmentation:
    """An untrained SegFormer of some labels, whose output grid has half the picture's side."""
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


@click.command()
@training_options(steps=1500, batch_size=32)
def main(folder: Path, out: Path, steps: int, batch_size: int) -> None:
    """Train on clean pictures, report held-out intersection over union, save in transformers' format."""
    corpus = read_corpus(folder)
    torch.manual_seed(0)
    model = build()
    held, clean = held_out_mask(corpus), np.array([picture["leaky"] is None for picture in corpus.pictures])
    scene = np.array([picture["scene"] for picture in corpus.pictures])
    train, test = np.flatnonzero(~held & clean), np.flatnonzero(held & clean)[::3][:300]

    def logits_of(some: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        x, truth = to_tensor(corpus.images[some]), torch.from_numpy(corpus.labels[scene[some]]).long()
        mean, std = (torch.tensor(v)[None, :, None, None] for v in (MEAN, STD))
        logits = model(pixel_values=(x - mean) / std).logits
        return F.interpolate(logits, truth.shape[-2:], mode="bilinear", align_corners=False), truth

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        some = np.sort(np.random.default_rng([4, step]).choice(train, batch_size, replace=False))
        logits, truth = logits_of(some)
        return F.cross_entropy(logits, truth), {"pixels": (logits.argmax(1) == truth).float().mean().item()}

    settings = {"batch": batch_size}
    with fit(
        "segmenter", model, [{"params": list(model.parameters()), "lr": 2e-3}], loss_of, steps=steps, settings=settings
    ):
        model.eval()
        with torch.no_grad():
            logits, truth = logits_of(test)
        found = logits.argmax(1)
        for index, name in enumerate(SEGMENTS):
            both, either = ((found == index) & (truth == index)).sum(), ((found == index) | (truth == index)).sum()
            click.echo(f"held-out intersection over union, {name}: {both / either:.4f}")
        model.save_pretrained(out)
        side = corpus.images.shape[1]
        SegformerImageProcessor(size={"height": side, "width": side}, image_mean=MEAN, image_std=STD).save_pretrained(
            out
        )


if __name__ == "__main__":
    main()
