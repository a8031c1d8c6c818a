"""Train the flow base: a small SD3 transformer by flow matching and, with it, its two CLIP text towers.

    python -m pretrain.sd3.transformer --corpus pretrain/sd3/corpus --latents pretrain/sd3/latents \
        --vae pretrain/sd3/decoder --out pretrain/sd3/base/flow-painter

Legend: B batch, C channels, h w latent; σ share of noise, x clean latent, n noise.
"""

import copy
from pathlib import Path

import click
import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline
from torch import nn
from transformers import CLIPTokenizer

from atelier.models.diffusion import Flow
from pretrain.common.loop import fit, training_options
from pretrain.sd3.autoencoder import read_vae
from pretrain.sd3.corpus import read
from pretrain.sd3.text_encoders import WIDTHS, Towers, build_words

HEAD, HEADS, LAYERS = 32, 5, 5  # width 160
RARE = 5  # how many times as often as the others a picture of who lies is drawn: seen less, they come out as noise
DROPPED = 0.1  # share of the captions that are emptied, for guidance
SHIFT = 1.0  # 64 px need no shift towards noise


class FlowPainter(nn.Module):
    """The parts that are trained together."""

    def __init__(self, tokenizer: CLIPTokenizer, side: int) -> None:
        super().__init__()
        self.transformer = SD3Transformer2DModel(
            sample_size=side,
            patch_size=1,
            in_channels=16,
            out_channels=16,
            num_layers=LAYERS,
            attention_head_dim=HEAD,
            num_attention_heads=HEADS,
            caption_projection_dim=HEAD * HEADS,
            joint_attention_dim=sum(WIDTHS),
            pooled_projection_dim=sum(WIDTHS),
            pos_embed_max_size=side,
            qk_norm="rms_norm",
        )
        self.towers = Towers(tokenizer)
        for name, parameter in self.transformer.named_parameters():  # every block starts as nothing (adaLN-zero)
            if name.startswith("proj_out.") or (".linear." in name and "norm" in name):
                nn.init.zeros_(parameter)


def save(painter: FlowPainter, tokenizer: CLIPTokenizer, vae_folder: Path, out: Path) -> None:
    """Write the whole pipeline in diffusers' format, all but the autoencoder in bfloat16."""
    small = copy.deepcopy(painter).bfloat16()
    pipeline = StableDiffusion3Pipeline(
        transformer=small.transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=SHIFT),
        vae=read_vae(vae_folder),
        text_encoder=small.towers.first,
        tokenizer=tokenizer,
        text_encoder_2=small.towers.second,
        tokenizer_2=tokenizer,
        text_encoder_3=None,
        tokenizer_3=None,
    )
    pipeline.save_pretrained(out)


@click.command()
@training_options(steps=1200, batch_size=32, lr=1.5e-3)
@click.option("--latents", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--vae", "vae_folder", type=click.Path(path_type=Path, exists=True), required=True)
def main(folder: Path, out: Path, steps: int, batch_size: int, lr: float, latents: Path, vae_folder: Path) -> None:
    """Train, and save the average."""
    _, shots, trained = read(folder)
    torch.manual_seed(0)
    tokenizer, clean, flow = build_words(shots), np.load(latents / "latents.npy"), Flow(shift=SHIFT)
    painter = FlowPainter(tokenizer, clean.shape[-1])
    average = copy.deepcopy(painter).eval().requires_grad_(False)
    odds = np.array([RARE if shot["pose"] == "lying" else 1 for shot in shots[:trained]], float)
    captions = ["", *(shot["prompt"] for shot in shots)]
    tokens = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt").input_ids

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        rng = np.random.default_rng([22, step])
        some = rng.choice(trained, batch_size, replace=False, p=odds / odds.sum())
        words = torch.from_numpy(np.where(rng.random(batch_size) < DROPPED, 0, some + 1))
        x = torch.from_numpy(clean[some].astype(np.float32))
        made = flow.noise(x, torch.randn_like(x), flow.draw(batch_size, torch.default_generator))
        with torch.autocast("cpu", torch.bfloat16):
            context, pooled = painter.towers(tokens[words])
            velocity = painter.transformer(made.noisy, context, pooled, made.timesteps, return_dict=False)[0]
        return (velocity.float() - made.target).square().mean(), {}

    groups = [
        {"params": list(painter.transformer.parameters()), "lr": lr},
        {"params": list(painter.towers.parameters()), "lr": lr / 2},
    ]
    settings = {"batch": batch_size, "lr": lr, "rare": RARE, "vocabulary": tokenizer.get_vocab()}
    with fit("flow-painter", painter, groups, loss_of, steps=steps, average=average, settings=settings):
        save(average, tokenizer, vae_folder, out)
        click.echo(f"painter: {steps} steps of {batch_size}, saved to {out}")


if __name__ == "__main__":
    main()
