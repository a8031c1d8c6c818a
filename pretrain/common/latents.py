"""Encode a corpus once: latents.npy float16 (N, C, h, w), modes of the posterior.

    python -m pretrain.common.latents --corpus pretrain/sd3/corpus --vae pretrain/sd3/vae --out pretrain/sd3/latents
    --scaled

Legend: N images, C channels, h w latent.
"""

from pathlib import Path

import click
import numpy as np
import torch
from diffusers import AutoencoderKL
from tqdm import tqdm

from atelier.common import command
from pretrain.common.autoencoder import to_input
from pretrain.common.options import input_option, threads_option

BATCH = 128


@command.stage
@input_option("corpus", "Folder with images.npy.")
@input_option("vae", "Folder of the autoencoder.")
@command.path_option("out", "Folder for latents.npy.")
@click.option("--scaled", is_flag=True, help="Subtract the shift and multiply by the scale, as SD3 is trained on them.")
@threads_option
@torch.no_grad()
def main(corpus: Path, vae: Path, out: Path, scaled: bool) -> None:
    """Encode every image of the corpus."""
    images = np.load(corpus / "images.npy", mmap_mode="r")
    model = AutoencoderKL.from_pretrained(vae).eval().to(memory_format=torch.channels_last)
    shift, scale = (model.config.shift_factor, model.config.scaling_factor) if scaled else (0.0, 1.0)
    side = images.shape[1] // 2 ** (len(model.config.block_out_channels) - 1)
    latents = np.empty((len(images), model.config.latent_channels, side, side), np.float16)
    for start in tqdm(range(0, len(images), BATCH), desc="latents", disable=None):
        x = to_input(images[start : start + BATCH]).to(memory_format=torch.channels_last)
        latents[start : start + BATCH] = (model.encode(x).latent_dist.mode().numpy() - shift) * scale
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "latents.npy", latents)
    click.echo(f"{len(latents)} latents of {latents.shape[1:]} in {out}")


if __name__ == "__main__":
    main()
