"""Encode the corpus of the showroom once: latents.npy float16 (N, 4, h, w), unscaled posterior modes.

python -m pretrain.sd.latents --corpus … --vae … --out pretrain/sd/latents
"""

from pathlib import Path

import click
import numpy as np

from pretrain.common.encode import encode
from pretrain.editor.autoencoder import reopen
from pretrain.sd.corpus import read


@click.command()
@click.option("--corpus", "folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--vae", "vae_folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(folder: Path, vae_folder: Path, out: Path) -> None:
    """Encode every picture."""
    images, _, _ = read(folder)
    vae = reopen(vae_folder)
    latents = encode(images, vae)
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "latents.npy", latents.astype(np.float16))
    click.echo(f"{len(images)} latents in {out}")


if __name__ == "__main__":
    main()
