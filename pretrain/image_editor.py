"""Train the editor from the text-to-image model on pairs of pictures (Brooks et al. 2023, section 3.2).

    python -m pretrain.image_editor --painter pretrain/base/painter --pairs pretrain/pairs --out pretrain/base/editor

Pairs are those of `scene_pairs`; with --kept, generated ones that `filter_pairs` has kept.

UNet and text encoder start as those of the text-to-image model; the first convolution gets channels for the source's
latents, with weights 0. A pair is used in one direction, from the image of its first caption to that of its second.

Legend: B batch, N pairs, C channels, h w latent.
"""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import nn

from atelier.common import command
from atelier.common.json_lines import read_json_lines
from atelier.models.instruct_pix2pix import load_editor
from pretrain.common.autoencoder import open_vae, to_input
from pretrain.common.loop import fit
from pretrain.common.options import input_option, training_options
from pretrain.edit_pairs import read_shards
from pretrain.editor.unet import build_scheduler, groups_of, save
from pretrain.text_encoder import tokenize
from pretrain.text_to_image import velocity_loss

CHANGED = 3.0  # weight of latents in which source and target differ by more than DIFFERENT; of others it is 1
DIFFERENT = 0.8  # in units of the latents' standard deviation, in any channel
DROPPED = 0.05  # share of the samples without text, without source, and without both, each
_PASS = 32  # images encoded at a time


@dataclass(frozen=True)
class EditPairs:
    """The pairs to train on: instructions and latents of sources and targets, (N, C, h, w), not scaled."""

    instructions: list[str]
    sources: torch.Tensor
    targets: torch.Tensor


def read_scene_pairs(folder: Path) -> EditPairs:
    """Read the pairs of `scene_pairs`, float16."""
    instructions = [line.row["instruction"] for line in read_json_lines(folder / "pairs.jsonl")]
    return EditPairs(
        instructions, *(torch.from_numpy(np.load(folder / f"{side}.npy")) for side in ("sources", "targets"))
    )


class EditorModel(nn.Module):
    """UNet and text encoder, which are trained together."""

    def __init__(self, painter: Path) -> None:
        super().__init__()
        widened = load_editor(painter, device="cpu")
        self.unet, self.text = widened.unet.requires_grad_(True), widened.text_encoder.requires_grad_(True)
        self.tokenizer = widened.tokenizer


@torch.no_grad()
def encode_pairs(vae: AutoencoderKL, pairs: Path, records: list[dict[str, Any]]) -> EditPairs:
    """Encode the images of kept pairs, given by shard and row."""
    rows: dict[int, list[int]] = {}
    for record in records:
        rows.setdefault(record["shard"], []).append(record["row"])
    latents: dict[str, list[torch.Tensor]] = {"before": [], "after": []}
    instructions = []
    for number, shard in enumerate(read_shards(pairs)):
        kept = sorted(rows.get(number, []))
        instructions += [shard.records[row]["instruction"] for row in kept]
        for side, encoded in latents.items():
            images = shard.tensors[f"{side}_images"][kept].numpy()
            encoded += [vae.encode(part).latent_dist.mode() for part in to_input(images).split(_PASS) if len(part)]
    return EditPairs(instructions, *(torch.cat(encoded) for encoded in latents.values()))


@command.stage
@input_option("painter", "Folder of the text-to-image model.")
@input_option("pairs", "Folder of the pairs.")
@input_option("kept", "Records of the generated pairs that are kept, of pretrain.filter_pairs.", required=False)
@training_options(steps=10_000, batch_size=8, lr=6e-4)
def main(painter: Path, pairs: Path, kept: Path | None, out: Path, steps: int, batch_size: int, lr: float) -> None:
    """Train, and save the moving average."""
    torch.manual_seed(0)
    vae = open_vae(painter / "vae").eval()
    if kept is None:
        given = read_scene_pairs(pairs)
    else:
        given = encode_pairs(vae, pairs, [line.row for line in read_json_lines(kept)])
    scheduler, scaling, count = build_scheduler(), vae.config.scaling_factor, len(given.instructions)
    model = EditorModel(painter).to(memory_format=torch.channels_last)
    average = copy.deepcopy(model).eval().requires_grad_(False)
    tokens = tokenize(model.tokenizer, ["", *given.instructions])

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        rng = np.random.default_rng([2, step])
        some, drop = rng.choice(count, batch_size, replace=count < batch_size), rng.random(batch_size)
        silent = (drop < DROPPED) | (drop >= 2 * DROPPED) & (drop < 3 * DROPPED)
        blind = torch.from_numpy((drop >= DROPPED) & (drop < 3 * DROPPED))[:, None, None, None]
        said = torch.from_numpy(np.where(silent, 0, some + 1))
        source, target = given.sources[some].float(), given.targets[some].float() * scaling
        different = (source * scaling - target).abs().amax(1, keepdim=True) > DIFFERENT
        weight = torch.where(different, CHANGED, 1.0)
        return velocity_loss(model, scheduler, target, tokens[said], source.masked_fill(blind, 0), weight=weight), {}

    settings = {"batch": batch_size, "lr": lr, "painter": painter, "pairs": count}
    groups = groups_of(model.unet, model.text, lr)
    with fit("editor", model, groups, loss_of, steps=steps, average=average, settings=settings):
        save(average, painter / "vae", out)
        click.echo(f"{steps} steps of {batch_size} on {count} pairs, saved to {out}")


if __name__ == "__main__":
    main()
