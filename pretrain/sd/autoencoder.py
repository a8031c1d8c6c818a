"""Train the editor's autoencoder further on rendered products with logos: it does not preserve letters well enough.

python -m pretrain.sd.autoencoder --corpus pretrain/sd/corpus --out pretrain/sd/vae
"""

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F

from atelier.common import command
from pretrain.common.autoencoder import evaluate_vae, open_vae, reconstruct, to_input
from pretrain.common.corpus import read_shots
from pretrain.common.loop import fit
from pretrain.common.options import input_option, training_options

INITIAL = Path("models/base/editor/vae")
JITTER = 0.02  # of the latents, as `reconstruct` takes it
LOGO = 6.0  # weight of a pixel's error inside a logo's box
WITH_LOGO = 0.7  # share of a batch that has one


def weigh_logos(boxes: Sequence[Sequence[float] | None], size: int) -> torch.Tensor:
    """Return the weights (B, 1, size, size) of B images: LOGO inside a logo's box, 1 elsewhere."""
    weight = torch.ones(len(boxes), 1, size, size)
    for row, box in enumerate(boxes):
        if box is not None:
            left, top, right, bottom = (round(value) for value in box)
            weight[row, :, top:bottom, left:right] = LOGO
    return weight


@command.stage
@input_option("corpus", "Folder of the products' corpus.")
@training_options(steps=4000, batch_size=16, lr=1.5e-3)
def main(corpus: Path, out: Path, steps: int, batch_size: int, lr: float) -> None:
    """Train, measure the reconstruction of held-out images, and save in diffusers' format."""
    images, shots, trained = read_shots(corpus)
    boxed = np.array([shot["box"] is not None for shot in shots[:trained]])
    torch.manual_seed(0)
    vae = open_vae(INITIAL).to(memory_format=torch.channels_last)

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        rng, many = np.random.default_rng([11, step]), round(batch_size * WITH_LOGO)
        some = [rng.choice(np.flatnonzero(boxed), many), rng.choice(np.flatnonzero(~boxed), batch_size - many)]
        some = np.concatenate(some)
        weight = weigh_logos([shots[i]["box"] for i in some], images.shape[1])
        x = to_input(images[some]).to(memory_format=torch.channels_last)
        y, kl = reconstruct(vae, x, JITTER)
        error = ((y - x).abs() + 2 * (y - x).square()) * weight
        return error.mean() / weight.mean() + 1e-4 * kl, {"psnr": 10 * np.log10(4 / F.mse_loss(y, x).item())}

    groups = [{"params": list(vae.parameters()), "lr": lr}]
    settings = {"batch": batch_size, "lr": lr}
    with fit("sd-autoencoder", vae, groups, loss_of, steps=steps, weight_decay=1e-4, settings=settings):
        vae = vae.to(memory_format=torch.contiguous_format).eval()
        z, psnr = evaluate_vae(vae, images[trained : trained + 512])
        vae.register_to_config(scaling_factor=round(1 / z.std().item(), 5))
        vae.save_pretrained(out)
        click.echo(f"held-out reconstruction {psnr.mean():.2f} dB (median {psnr.median():.2f})")


if __name__ == "__main__":
    main()
