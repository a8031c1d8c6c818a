"""Train the autoencoder's decoder on: half of what it now sees lies, and some of that is deformed.

    python -m pretrain.sd3.decoder --corpus pretrain/sd3/corpus --vae pretrain/sd3/vae --out pretrain/sd3/decoder

What paints people wrong is to be the painter: an autoencoder that had seen as few who lie blurred them, correct or not.
The encoder stays as it is, so that latents, and painters trained on them, stay valid.
"""

from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F

from atelier.common.rng import derive_seed
from atelier.images.tensors import to_tensor
from atelier.synthetic.poses import FAULTS, sample_mannequin
from pretrain.common.loop import fit, training_options
from pretrain.sd3.autoencoder import JITTER, examine, read_vae
from pretrain.sd3.corpus import read

SEED, POOL, HELD_OUT = 47, 3000, 128  # POOL people who lie, HELD_OUT of them for measuring alone


def lying(size: int) -> np.ndarray:
    """uint8 (POOL, S, S, 3): every third is deformed, but for those held out."""
    pictures = []
    for number in range(POOL):
        wrong = number % 3 == 0 and number >= HELD_OUT
        fault = FAULTS[number // 3 % len(FAULTS)] if wrong else ""
        pictures.append(sample_mannequin(derive_seed(SEED, number), "lying", size=size, fault=fault).pixels)
    return np.stack(pictures)


@click.command()
@training_options(steps=1000, batch_size=16, lr=1e-3)
@click.option("--vae", "vae_folder", type=click.Path(path_type=Path, exists=True), required=True)
def main(folder: Path, out: Path, steps: int, batch_size: int, lr: float, vae_folder: Path) -> None:
    """Train, measure the reconstruction of people who lie and of others, and save."""
    images, _, trained = read(folder)
    torch.manual_seed(0)
    vae, held = read_vae(vae_folder), lying(images.shape[1])
    pool = np.concatenate([held[HELD_OUT:], images[: POOL - HELD_OUT]])
    clean, _ = examine(vae, pool)
    spread = JITTER * clean.std()
    vae.encoder.requires_grad_(False)
    vae = vae.to(memory_format=torch.channels_last)

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        some = np.random.default_rng([24, step]).choice(len(pool), batch_size, replace=False)
        x = to_tensor(pool[some]).mul(2).sub(1).to(memory_format=torch.channels_last)
        z = clean[some] + spread * torch.randn(batch_size, *clean.shape[1:])
        with torch.autocast("cpu", torch.bfloat16):
            y = vae.decode(z.contiguous(memory_format=torch.channels_last)).sample
        mse = F.mse_loss(y.float(), x)
        return F.l1_loss(y.float(), x) + 2 * mse, {"psnr": 10 * np.log10(4 / mse.item())}

    groups = [{"params": [p for p in vae.parameters() if p.requires_grad], "lr": lr}]
    with fit("flow-decoder", vae, groups, loss_of, steps=steps, weight_decay=1e-4,
             settings={"batch": batch_size, "lr": lr}):  # fmt: skip
        vae = vae.to(memory_format=torch.contiguous_format).eval()
        found = {"lying": examine(vae, held[:HELD_OUT])[1], "others": examine(vae, images[trained:][:128])[1]}
        vae.save_pretrained(out)
        click.echo(", ".join(f"{name}: held-out reconstruction {psnr.mean():.2f} dB" for name, psnr in found.items()))


if __name__ == "__main__":
    main()
