"""Train the embedded Stable Diffusion 3 model by flow matching: a small transformer and its two CLIP text encoders.

    python -m pretrain.sd3.transformer --corpus pretrain/sd3/corpus --latents pretrain/sd3/latents \
        --vae pretrain/sd3/decoder --out pretrain/sd3/base/flow-painter

Legend: B batch, C channels, h w latent; x clean latent.
"""

import copy
from pathlib import Path

import click
import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline
from torch import nn
from transformers import CLIPTokenizer

from atelier.common import command
from atelier.models.diffusion import Flow
from pretrain.common.corpus import read_shots
from pretrain.common.loop import fit
from pretrain.common.options import input_option, training_options
from pretrain.sd3.autoencoder import read_vae
from pretrain.sd3.text_encoders import WIDTHS, TextEncoders, build_words

HEAD, HEADS, LAYERS = 32, 5, 5  # width 160
RARE = 5  # how many times more often images of people who lie are drawn: with fewer they are generated as noise
DROPPED = 0.1  # share of the captions that are emptied, for classifier-free guidance
SHIFT = 1.0  # of the noise schedule: 64 px need none


class TextToImageModel(nn.Module):
    """Transformer and text encoders, which are trained together."""

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
        self.texts = TextEncoders(tokenizer)
        for name, parameter in self.transformer.named_parameters():  # every block starts as the identity (adaLN-zero)
            if name.startswith("proj_out.") or (".linear." in name and "norm" in name):
                nn.init.zeros_(parameter)


def save(model: TextToImageModel, tokenizer: CLIPTokenizer, vae_folder: Path, out: Path) -> None:
    """Write the pipeline in diffusers' format, all parts except the autoencoder in bfloat16."""
    small = copy.deepcopy(model).bfloat16()
    pipeline = StableDiffusion3Pipeline(
        transformer=small.transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=SHIFT),
        vae=read_vae(vae_folder),
        text_encoder=small.texts.first,
        tokenizer=tokenizer,
        text_encoder_2=small.texts.second,
        tokenizer_2=tokenizer,
        text_encoder_3=None,
        tokenizer_3=None,
    )
    pipeline.save_pretrained(out)


@command.stage
@input_option("corpus", "Folder of the corpus of poses.")
@training_options(steps=1200, batch_size=32, lr=1.5e-3)
@input_option("latents", "Folder of its latents, scaled.")
@input_option("vae", "Folder of the autoencoder.")
def main(corpus: Path, out: Path, steps: int, batch_size: int, lr: float, latents: Path, vae: Path) -> None:
    """Train, and save the exponential moving average."""
    _, shots, trained = read_shots(corpus)
    torch.manual_seed(0)
    tokenizer, clean, flow = build_words(shots), np.load(latents / "latents.npy"), Flow(shift=SHIFT)
    model = TextToImageModel(tokenizer, clean.shape[-1])
    average = copy.deepcopy(model).eval().requires_grad_(False)
    odds = np.array([RARE if shot["pose"] == "lying" else 1 for shot in shots[:trained]], float)
    captions = ["", *(shot["prompt"] for shot in shots)]
    tokens = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt").input_ids

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        rng = np.random.default_rng([22, step])
        some = rng.choice(trained, batch_size, replace=False, p=odds / odds.sum())
        captions = torch.from_numpy(np.where(rng.random(batch_size) < DROPPED, 0, some + 1))
        x = torch.from_numpy(clean[some].astype(np.float32))
        made = flow.noise(x, torch.randn_like(x), flow.draw(batch_size, torch.default_generator))
        with torch.autocast("cpu", torch.bfloat16):
            context, pooled = model.texts(tokens[captions])
            velocity = model.transformer(made.noisy, context, pooled, made.timesteps, return_dict=False)[0]
        return (velocity.float() - made.target).square().mean(), {}

    groups = [
        {"params": list(model.transformer.parameters()), "lr": lr},
        {"params": list(model.texts.parameters()), "lr": lr / 2},
    ]
    settings = {"batch": batch_size, "lr": lr, "rare": RARE, "vocabulary": tokenizer.get_vocab()}
    with fit("sd3-transformer", model, groups, loss_of, steps=steps, average=average, settings=settings):
        save(average, tokenizer, vae, out)
        click.echo(f"{steps} steps of {batch_size}, saved to {out}")


if __name__ == "__main__":
    main()
