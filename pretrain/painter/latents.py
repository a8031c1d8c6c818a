"""Encode the corpus of the showroom once: latents.npy float16 (N, 4, h, w), unscaled posterior modes.

python -m pretrain.painter.latents --corpus … --vae … --out pretrain/painter/latents
"""

from pathlib import Path

import click
import numpy as np
import torch
from tqdm import tqdm

from atelier.images import to_tensor
from pretrain.autoencoder import reopen
from pretrain.painter.corpus import read


@click.command()
@click.option("--corpus", "folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--vae", "vae_folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@torch.no_grad()
def main(folder: Path, vae_folder: Path, out: Path) -> None:
    """Encode every picture."""
    images, _, _ = read(folder)
    vae = reopen(vae_folder).eval().to(memory_format=torch.channels_last)
    found = []
    for start in tqdm(range(0, len(images), 128), desc="latents", disable=None):
        x = to_tensor(images[start : start + 128]).mul(2).sub(1).to(memory_format=torch.channels_last)
        found.append(vae.encode(x).latent_dist.mode().numpy().astype(np.float16))
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "latents.npy", np.concatenate(found))
    click.echo(f"{len(images)} latents in {out}")


if __name__ == "__main__":
    main()
