"""Encode the mannequins once: latents.npy float16 (N, 16, h, w), shifted and scaled as the painter wants them.

python -m pretrain.sd3.latents --corpus … --vae … --out pretrain/sd3/latents
"""

from pathlib import Path

import click
import numpy as np

from pretrain.common.encode import encode
from pretrain.sd3.autoencoder import read_vae
from pretrain.sd3.corpus import read


@click.command()
@click.option("--corpus", "folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--vae", "vae_folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(folder: Path, vae_folder: Path, out: Path) -> None:
    """Encode every picture."""
    images, _, _ = read(folder)
    vae = read_vae(vae_folder)
    latents = encode(images, vae)
    latents = (latents - vae.config.shift_factor) * vae.config.scaling_factor
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "latents.npy", latents.astype(np.float16))
    click.echo(f"{len(images)} latents in {out}")


if __name__ == "__main__":
    main()
