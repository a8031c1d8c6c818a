"""Train the embedded text-to-image model: a 4-channel UNet in the SD-1.5 block layout, and its CLIP text encoder.

    python -m pretrain.sd.unet --corpus pretrain/sd/corpus --latents pretrain/sd/latents \
        --vae pretrain/sd/vae --out pretrain/sd/base/painter

The UNet starts as the editor's, which knows people and fabrics already; the first layer loses the channels of the
source image. Text encoder and tokenizer are its own.

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

from atelier.common import command
from pretrain.common.autoencoder import open_vae
from pretrain.common.corpus import read_shots
from pretrain.common.loop import fit
from pretrain.common.options import input_option, training_options
from pretrain.common.tokenizer import text_config
from pretrain.editor.unet import WIDTH, build_scheduler, draw_timesteps, groups_of, save
from pretrain.sd.text_encoder import build_words

INITIAL = Path("models/base/editor/unet")
DROPPED = 0.1  # share of the captions that are emptied, for classifier-free guidance


class TextToImageModel(nn.Module):
    """UNet and text encoder, which are trained together."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        editor = UNet2DConditionModel.from_pretrained(INITIAL)
        self.unet = UNet2DConditionModel.from_config({**editor.config, "in_channels": 4, "_name_or_path": ""})
        weights = editor.float().state_dict()
        weights["conv_in.weight"] = weights["conv_in.weight"][:, :4]
        self.unet.load_state_dict(weights)
        self.tokenizer = tokenizer
        self.text = CLIPTextModel(text_config(tokenizer, width=WIDTH, layers=2, projection=WIDTH))


@command.stage
@input_option("corpus", "Folder of the products' corpus.")
@training_options(steps=2000, batch_size=32, lr=1e-3)
@input_option("latents", "Folder of its latents.")
@input_option("vae", "Folder of the autoencoder.")
def main(corpus: Path, out: Path, steps: int, batch_size: int, lr: float, latents: Path, vae: Path) -> None:
    """Train, and save the moving average."""
    _, shots, trained = read_shots(corpus)
    torch.manual_seed(0)
    tokenizer = build_words(shots)
    model = TextToImageModel(tokenizer).to(memory_format=torch.channels_last)
    average = copy.deepcopy(model).eval().requires_grad_(False)
    scheduler, scaling = build_scheduler(), open_vae(vae).config.scaling_factor
    clean = np.load(latents / "latents.npy")
    captions = ["", *(shot["prompt"] for shot in shots)]
    tokens = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt").input_ids

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        rng = np.random.default_rng([13, step])
        some = rng.choice(trained, batch_size, replace=False)
        captions = torch.from_numpy(np.where(rng.random(batch_size) < DROPPED, 0, some + 1))
        target = torch.from_numpy(clean[some].astype(np.float32)) * scaling
        times = draw_timesteps(batch_size, scheduler.config.num_train_timesteps)
        noise = torch.randn_like(target)
        noisy = scheduler.add_noise(target, noise, times).contiguous(memory_format=torch.channels_last)
        v = model.unet(noisy, times, model.text(tokens[captions]).last_hidden_state).sample
        return (v - scheduler.get_velocity(target, noise, times)).square().mean(), {}

    settings = {"batch": batch_size, "lr": lr, "vocabulary": tokenizer.get_vocab()}
    groups = groups_of(model.unet, model.text, lr)
    with fit("sd-unet", model, groups, loss_of, steps=steps, average=average, settings=settings):
        save(average, vae, out, StableDiffusionPipeline)
        click.echo(f"{steps} steps of {batch_size}, saved to {out}")


if __name__ == "__main__":
    main()
