"""Train the feature network (LPIPS stages, FID features) to classify what is worn and whether it spilled.

python -m pretrain.editor.feature_net --corpus pretrain/editor/corpus --out models/base/features
"""

from pathlib import Path

import click
import numpy as np
import torch
from torch import nn

from atelier.common import command
from atelier.models.feature_net import FeatureNet
from pretrain.common.autoencoder import to_input
from pretrain.common.corpus import LabelHeads, held_out_mask, label_table, read_corpus
from pretrain.common.loop import fit
from pretrain.common.options import input_option, training_options


@command.stage
@input_option("corpus", "Folder of the editor's corpus.")
@training_options(steps=2500, batch_size=64)
def main(corpus: Path, out: Path, steps: int, batch_size: int) -> None:
    """Train by classification, report held-out accuracy, save without the classifier."""
    data = read_corpus(corpus)
    table = label_table(data)
    table["spilled"] = np.array([int(picture["leaky"] is not None) for picture in data.pictures])
    torch.manual_seed(0)
    net = FeatureNet()
    heads = LabelHeads(net.widths[-1], table)
    both = nn.ModuleList([net, heads])
    held = held_out_mask(data)
    train, test = np.flatnonzero(~held), np.flatnonzero(held)[:2000]

    def run(some: np.ndarray) -> tuple[torch.Tensor, float]:
        some = np.sort(some)
        return heads(
            net.pooled(to_input(data.images[some])), [torch.from_numpy(values[some]) for values in table.values()]
        )

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        loss, accuracy = run(np.random.default_rng([3, step]).choice(train, batch_size, replace=False))
        return loss, {"accuracy": accuracy}

    groups = [{"params": list(both.parameters()), "lr": 2e-3}]
    with fit("feature-net", both, groups, loss_of, steps=steps, settings={"batch": batch_size}):
        both.eval()
        with torch.no_grad():
            accuracy = run(test)[1]
        net.save(out)
        click.echo(f"held-out accuracy, mean over {len(table)} labels: {accuracy:.4f}")


if __name__ == "__main__":
    main()
