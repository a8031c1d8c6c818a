"""Encode the corpus once: latents.npy float16 (N, 4, h, w), unscaled posterior modes.

python -m pretrain.editor.latents --corpus pretrain/editor/corpus --vae … --out pretrain/editor/latents
"""

from pathlib import Path

import click
import numpy as np
import torch
from diffusers import AutoencoderKL
from tqdm import tqdm

from atelier.images.tensors import to_tensor
from pretrain.common.loop import read_corpus


@click.command()
@click.option("--corpus", "folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--vae", "vae_folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(folder: Path, vae_folder: Path, out: Path) -> None:
    """Encode every picture of the corpus."""
    images = read_corpus(folder).images
    vae = AutoencoderKL.from_pretrained(vae_folder).eval().to(memory_format=torch.channels_last)
    side = images.shape[1] // 2 ** (len(vae.config.block_out_channels) - 1)
    latents = np.empty((len(images), vae.config.latent_channels, side, side), np.float16)
    with torch.no_grad():
        for start in tqdm(range(0, len(images), 128), desc="latents", disable=None):
            x = to_tensor(images[start : start + 128]).mul(2).sub(1).to(memory_format=torch.channels_last)
            latents[start : start + 128] = vae.encode(x).latent_dist.mode().numpy()
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "latents.npy", latents)
    click.echo(f"{len(latents)} latents of {latents.shape[1:]} in {out}")


if __name__ == "__main__":
    main()
