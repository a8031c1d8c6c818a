"""Train the embedded feature network (LPIPS stages, FID features) to name what is worn, and whether a colour spilled.

python -m pretrain.editor.feature_net --corpus pretrain/editor/corpus --out models/base/features
"""

from pathlib import Path

import click
import numpy as np
import torch
from torch import nn

from atelier.images.tensors import to_tensor
from atelier.models.feature_net import FeatureNet
from pretrain.common.loop import LabelHeads, fit, held_out_mask, label_table, read_corpus, training_options


@click.command()
@training_options(steps=2500, batch_size=64)
def main(folder: Path, out: Path, steps: int, batch_size: int) -> None:
    """Train by classification, report held-out accuracy, save without the classifier."""
    corpus = read_corpus(folder)
    table = label_table(corpus)
    table["spilled"] = np.array([int(picture["leaky"] is not None) for picture in corpus.pictures])
    torch.manual_seed(0)
    net = FeatureNet()
    heads = LabelHeads(net.widths[-1], table)
    both = nn.ModuleList([net, heads])
    held = held_out_mask(corpus)
    train, test = np.flatnonzero(~held), np.flatnonzero(held)[:2000]

    def run(some: np.ndarray) -> tuple[torch.Tensor, float]:
        some = np.sort(some)
        x = to_tensor(corpus.images[some]).mul(2).sub(1)
        return heads(net.pooled(x), [torch.from_numpy(values[some]) for values in table.values()])

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        loss, accuracy = run(np.random.default_rng([3, step]).choice(train, batch_size, replace=False))
        return loss, {"accuracy": accuracy}

    settings = {"batch": batch_size}
    with fit(
        "features", both, [{"params": list(both.parameters()), "lr": 2e-3}], loss_of, steps=steps, settings=settings
    ):
        both.eval()
        with torch.no_grad():
            accuracy = run(test)[1]
        net.save(out)
        click.echo(f"held-out accuracy, mean over {len(table)} labels: {accuracy:.4f}")


if __name__ == "__main__":
    main()
