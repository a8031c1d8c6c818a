"""Encode the mannequins once: latents.npy float16 (N, 16, h, w), shifted and scaled as the painter wants them.

python -m pretrain.flow.latents --corpus … --vae … --out pretrain/flow/latents
"""

from pathlib import Path

import click
import numpy as np
import torch
from tqdm import tqdm

from atelier.images import to_tensor
from pretrain.flow.autoencoder import read_vae
from pretrain.flow.corpus import read


@click.command()
@click.option("--corpus", "folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--vae", "vae_folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@torch.no_grad()
def main(folder: Path, vae_folder: Path, out: Path) -> None:
    """Encode every picture."""
    images, _, _ = read(folder)
    vae = read_vae(vae_folder).eval().to(memory_format=torch.channels_last)
    found = []
    for start in tqdm(range(0, len(images), 128), desc="latents", disable=None):
        x = to_tensor(images[start : start + 128]).mul(2).sub(1).to(memory_format=torch.channels_last)
        z = (vae.encode(x).latent_dist.mode() - vae.config.shift_factor) * vae.config.scaling_factor
        found.append(z.contiguous().numpy().astype(np.float16))
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "latents.npy", np.concatenate(found))
    click.echo(f"{len(images)} latents in {out}")


if __name__ == "__main__":
    main()
