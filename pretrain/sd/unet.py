"""Train the embedded text-to-image base: a 4-channel UNet in the SD-1.5 block layout and, with it, its CLIP text tower.

    python -m pretrain.sd.unet --corpus pretrain/sd/corpus --latents pretrain/sd/latents \
        --vae pretrain/sd/vae --out pretrain/sd/base/painter

The UNet starts as the editor's, whose first layer loses what it saw of the source picture: it knows people and fabrics
already. Text tower and words are its own.

Legend: B batch, C channels, h w latent.
"""

import copy
from pathlib import Path

import click
import numpy as np
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from pretrain.common.loop import fit, training_options
from pretrain.common.tokenizer import text_config
from pretrain.editor.autoencoder import reopen
from pretrain.editor.unet import NOISIEST, NOISIEST_SHARE, WIDTH, build_scheduler
from pretrain.sd.corpus import read
from pretrain.sd.text_encoder import build_words

START = Path("models/base/editor/unet")
DROPPED = 0.1  # share of the captions that are emptied, for guidance


class Painter(nn.Module):
    """The two parts that are trained together."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        editor = UNet2DConditionModel.from_pretrained(START)
        self.unet = UNet2DConditionModel.from_config({**editor.config, "in_channels": 4, "_name_or_path": ""})
        weights = editor.float().state_dict()
        weights["conv_in.weight"] = weights["conv_in.weight"][:, :4]
        self.unet.load_state_dict(weights)
        self.tokenizer = tokenizer
        self.text = CLIPTextModel(text_config(tokenizer, width=WIDTH, layers=2, projection=WIDTH))


def save(painter: Painter, vae_folder: Path, out: Path) -> None:
    """Write the whole pipeline in diffusers' format, weights of the UNet and the text tower in bfloat16."""
    pipeline = StableDiffusionPipeline(
        vae=reopen(vae_folder),
        text_encoder=copy.deepcopy(painter.text).bfloat16(),
        tokenizer=painter.tokenizer,
        unet=copy.deepcopy(painter.unet).bfloat16(),
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(out)


@click.command()
@training_options(steps=2000, batch_size=32, lr=1e-3)
@click.option("--latents", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--vae", "vae_folder", type=click.Path(path_type=Path, exists=True), required=True)
def main(folder: Path, out: Path, steps: int, batch_size: int, lr: float, latents: Path, vae_folder: Path) -> None:
    """Train, and save the average."""
    _, shots, trained = read(folder)
    torch.manual_seed(0)
    tokenizer = build_words(shots)
    painter = Painter(tokenizer).to(memory_format=torch.channels_last)
    average = copy.deepcopy(painter).eval().requires_grad_(False)
    scheduler = build_scheduler()
    many, scaling = scheduler.config.num_train_timesteps, reopen(vae_folder).config.scaling_factor
    clean = np.load(latents / "latents.npy")
    captions = ["", *(shot["prompt"] for shot in shots)]
    tokens = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt").input_ids

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        rng = np.random.default_rng([13, step])
        some = rng.choice(trained, batch_size, replace=False)
        words = torch.from_numpy(np.where(rng.random(batch_size) < DROPPED, 0, some + 1))
        target = torch.from_numpy(clean[some].astype(np.float32)) * scaling
        first = torch.where(torch.rand(batch_size) < NOISIEST_SHARE, int(many * (1 - NOISIEST)), 0)
        times = (first + torch.rand(batch_size) * (many - first)).long()
        noise = torch.randn_like(target)
        noisy = scheduler.add_noise(target, noise, times).contiguous(memory_format=torch.channels_last)
        v = painter.unet(noisy, times, painter.text(tokens[words]).last_hidden_state).sample
        return (v - scheduler.get_velocity(target, noise, times)).square().mean(), {}

    groups = [
        {"params": list(painter.unet.parameters()), "lr": lr},
        {"params": list(painter.text.parameters()), "lr": lr / 2},
    ]
    settings = {"batch": batch_size, "lr": lr, "vocabulary": tokenizer.get_vocab()}
    with fit("painter", painter, groups, loss_of, steps=steps, average=average, settings=settings):
        save(average, vae_folder, out)
        click.echo(f"painter: {steps} steps of {batch_size}, saved to {out}")


if __name__ == "__main__":
    main()
