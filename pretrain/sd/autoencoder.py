"""The editor's autoencoder, trained further on photographs with logos: letters are what it could not keep.

python -m pretrain.sd.autoencoder --corpus pretrain/sd/corpus --out pretrain/sd/vae
"""

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F

from atelier.images.tensors import to_tensor
from pretrain.common.loop import fit, training_options
from pretrain.editor.autoencoder import reopen
from pretrain.sd.corpus import read

START = Path("models/base/editor/vae")
JITTER = 0.02  # noise on the latents, in their own deviations
LOGO = 6.0  # weight of a pixel's error inside a logo's box
WITH_LOGO = 0.7  # share of a batch that has one


def weigh_logos(boxes: Sequence[Sequence[float] | None], size: int) -> torch.Tensor:
    """(B, 1, size, size): LOGO inside a logo's box, 1 elsewhere."""
    weight = torch.ones(len(boxes), 1, size, size)
    for row, box in enumerate(boxes):
        if box is not None:
            left, top, right, bottom = (round(value) for value in box)
            weight[row, :, top:bottom, left:right] = LOGO
    return weight


@click.command()
@training_options(steps=4000, batch_size=16, lr=1.5e-3)
def main(folder: Path, out: Path, steps: int, batch_size: int, lr: float) -> None:
    """Train, measure the reconstruction of held-out pictures, and save in diffusers' format."""
    images, shots, trained = read(folder)
    boxed = np.array([shot["box"] is not None for shot in shots[:trained]])
    torch.manual_seed(0)
    vae = reopen(START)
    vae = vae.to(memory_format=torch.channels_last)

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        rng, many = np.random.default_rng([11, step]), round(batch_size * WITH_LOGO)
        some = [rng.choice(np.flatnonzero(boxed), many), rng.choice(np.flatnonzero(~boxed), batch_size - many)]
        some = np.concatenate(some)
        weight = weigh_logos([shots[i]["box"] for i in some], images.shape[1])
        x = to_tensor(images[some]).mul(2).sub(1).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            posterior = vae.encode(x).latent_dist
            z = posterior.mode()
            y = vae.decode(z + JITTER * z.detach().float().std() * torch.randn_like(z)).sample.float()
        kl = 0.5 * (posterior.mean.float().square() + posterior.var.float() - 1 - posterior.logvar.float()).mean()
        error = ((y - x).abs() + 2 * (y - x).square()) * weight
        return error.mean() / weight.mean() + 1e-4 * kl, {"psnr": 10 * np.log10(4 / F.mse_loss(y, x).item())}

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
