"""Train the text-to-image model: a UNet in the SD-1.5 block layout over the autoencoder's latents, and a text encoder.

    python -m pretrain.text_to_image --corpus pretrain/corpus --latents pretrain/latents --vae pretrain/vae \
        --out pretrain/base/painter

Legend: B batch, C channels, h w latent.
"""

import copy
import json
from pathlib import Path

import click
import numpy as np
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch import nn

from atelier.common import command
from pretrain.common.autoencoder import open_vae
from pretrain.common.loop import fit
from pretrain.common.options import input_option, training_options
from pretrain.editor.unet import build_scheduler, draw_timesteps, groups_of, save
from pretrain.text_encoder import WIDTH, build_text_encoder, build_words, pretrain, tokenize

WIDTHS = (80, 96, 128, 128)
DROPPED = 0.1  # share of the captions that are emptied, for classifier-free guidance


def build_unet(channels: int, side: int, *, conditions: int = 0) -> UNet2DConditionModel:
    """Build an untrained UNet, 8.1 M parameters.

    Args:
        channels: of the latents that are denoised.
        side: of the latents.
        conditions: channels of further latents that are concatenated: those of an editor's source.
    """
    return UNet2DConditionModel(
        sample_size=side,
        in_channels=channels + conditions,
        out_channels=channels,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        block_out_channels=WIDTHS,
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=2,  # in this layout: the number of heads
        norm_num_groups=8,
    )


class TextToImageModel(nn.Module):
    """UNet and text encoder, which are trained together."""

    def __init__(self, captions: list[str], channels: int, side: int) -> None:
        super().__init__()
        self.unet = build_unet(channels, side)
        self.tokenizer = build_words(captions)
        self.text = build_text_encoder(self.tokenizer)


# L = Σ w ‖v_θ(x_t, t, c) − v‖² / Σ w,  v = √ᾱ_t ε − √(1 − ᾱ_t) x₀      (Salimans and Ho 2022)
def velocity_loss(
    model: nn.Module,
    scheduler: DDIMScheduler,
    target: torch.Tensor,
    tokens: torch.Tensor,
    *sources: torch.Tensor,
    weight: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the loss of the UNet and text encoder of `model` at drawn timesteps, a scalar.

    In float32: with bfloat16 on a CPU, a 3 × 3 convolution over a single pixel left parts of its gradient unwritten.

    Args:
        target: scaled latents (B, C, h, w).
        tokens: ids of the texts, int64 (B, LENGTH).
        sources: latents (B, C, h, w) that the UNet takes beside the noisy ones.
        weight: of each latent's error, (B, 1, h, w); None: all count alike.
    """
    times, noise = draw_timesteps(len(target), scheduler.config.num_train_timesteps), torch.randn_like(target)
    given = torch.cat([scheduler.add_noise(target, noise, times), *sources], 1)
    context = model.text(tokens).last_hidden_state
    v = model.unet(given.contiguous(memory_format=torch.channels_last), times, context).sample
    error = (v - scheduler.get_velocity(target, noise, times)).square().mean(1, keepdim=True)
    return error.mean() if weight is None else (weight * error).sum() / weight.sum()


def read_captions(corpus: Path) -> list[str]:
    """Return the caption of each picture of a corpus."""
    return [json.loads(line)["prompt"] for line in (corpus / "captions.jsonl").read_text().splitlines()]


@command.stage
@input_option("corpus", "Folder of the corpus.")
@input_option("latents", "Folder of its latents.")
@input_option("vae", "Folder of the autoencoder.")
@training_options(steps=12_000, batch_size=32, lr=1e-3)
def main(corpus: Path, latents: Path, vae: Path, out: Path, steps: int, batch_size: int, lr: float) -> None:
    """Train, and save the moving average."""
    captions, clean = read_captions(corpus), np.load(latents / "latents.npy", mmap_mode="r")
    torch.manual_seed(0)
    model = TextToImageModel(captions, clean.shape[1], clean.shape[2])
    named = pretrain(model.text, model.tokenizer)
    click.echo(f"text encoder: {named:.4f} of kinds, colours and patterns read")
    model = model.to(memory_format=torch.channels_last)
    average = copy.deepcopy(model).eval().requires_grad_(False)
    scheduler, scaling = build_scheduler(), open_vae(vae).config.scaling_factor
    tokens = tokenize(model.tokenizer, ["", *captions])

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        rng = np.random.default_rng([13, step])
        some = rng.choice(len(clean), batch_size, replace=False)
        said = torch.from_numpy(np.where(rng.random(batch_size) < DROPPED, 0, some + 1))
        target = torch.from_numpy(clean[some].astype(np.float32)) * scaling
        return velocity_loss(model, scheduler, target, tokens[said]), {}

    settings = {"batch": batch_size, "lr": lr, "vocabulary": model.tokenizer.get_vocab(), "pictures": len(clean)}
    groups = groups_of(model.unet, model.text, lr)
    with fit("text-to-image", model, groups, loss_of, steps=steps, average=average, settings=settings):
        save(average, vae, out, StableDiffusionPipeline)
        click.echo(f"{steps} steps of {batch_size}, saved to {out}")


if __name__ == "__main__":
    main()
