"""The editor's autoencoder, trained further on photographs with logos: letters are what it could not keep.

python -m pretrain.painter.autoencoder --corpus pretrain/painter/corpus --out pretrain/painter/vae
"""

from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F

from atelier.images import to_tensor
from pretrain.autoencoder import JITTER, reopen
from pretrain.common import fit, training_options
from pretrain.painter.corpus import read

START = Path("models/base/editor/vae")


@click.command()
@training_options(steps=3000, batch_size=16, lr=1.5e-3)
def main(folder: Path, out: Path, steps: int, batch_size: int, lr: float) -> None:
    """Train, measure the reconstruction of held-out pictures, and save in diffusers' format."""
    images, _, trained = read(folder)
    torch.manual_seed(0)
    vae = reopen(START).to(memory_format=torch.channels_last)

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        some = np.sort(np.random.default_rng([11, step]).choice(trained, batch_size, replace=False))
        x = to_tensor(images[some]).mul(2).sub(1).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            posterior = vae.encode(x).latent_dist
            z = posterior.mode()
            y = vae.decode(z + JITTER * z.detach().float().std() * torch.randn_like(z)).sample.float()
        kl = 0.5 * (posterior.mean.float().square() + posterior.var.float() - 1 - posterior.logvar.float()).mean()
        mse = F.mse_loss(y, x)
        return F.l1_loss(y, x) + 2 * mse + 1e-4 * kl, {"psnr": 10 * np.log10(4 / mse.item())}

    groups = [{"params": list(vae.parameters()), "lr": lr}]
    with fit("painter-vae", vae, groups, loss_of, steps=steps, weight_decay=1e-4, settings={"b": batch_size, "lr": lr}):
        vae = vae.to(memory_format=torch.contiguous_format).eval()
        x = to_tensor(images[trained : trained + 512]).mul(2).sub(1)
        with torch.no_grad():
            z = torch.cat([vae.encode(part).latent_dist.mode() for part in x.split(64)])
            y = torch.cat([vae.decode(part).sample.clamp(-1, 1) for part in z.split(64)])
        vae.register_to_config(scaling_factor=round(1 / z.std().item(), 5))
        vae.save_pretrained(out)
        psnr = 10 * torch.log10(4 / (y - x).square().mean((1, 2, 3)))
        click.echo(f"held-out reconstruction {psnr.mean():.2f} dB (median {psnr.median():.2f})")


if __name__ == "__main__":
    main()
