"""Train the editor's autoencoder: an AutoencoderKL that halves an image twice (f = 4) into 4 channels.

    python -m pretrain.editor.autoencoder --corpus pretrain/editor/corpus --out pretrain/editor/vae
    python -m pretrain.editor.autoencoder --corpus … --initial … --lr 1e-3 --out pretrain/editor/decoder

With `--initial` only its decoder is trained: encoded latents stay valid, and so do editors trained on them.
"""

from pathlib import Path

import click
import numpy as np
import torch
from diffusers import AutoencoderKL

from atelier.common import command
from pretrain.common.autoencoder import evaluate_vae, open_vae, reconstruct, reconstruction_loss, to_input
from pretrain.common.corpus import read_corpus
from pretrain.common.loop import fit
from pretrain.common.options import input_option, training_options

WIDTHS = (16, 32, 64)
JITTER = 0.05  # of the latents, as `reconstruct` takes it


def build(size: int) -> AutoencoderKL:
    """Build an untrained autoencoder without attention, 0.65 M parameters."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=WIDTHS,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=size,
        mid_block_add_attention=False,
    )


@command.stage
@input_option("corpus", "Folder of the editor's corpus.")
@training_options(steps=7000, batch_size=16, lr=2e-3)
@input_option("initial", "Autoencoder whose decoder to train.", required=False)
def main(corpus: Path, out: Path, steps: int, batch_size: int, lr: float, initial: Path | None) -> None:
    """Train, measure the reconstruction of held-out images, and save in diffusers' format."""
    data = read_corpus(corpus)
    torch.manual_seed(0)
    vae = build(data.images.shape[1]) if initial is None else open_vae(initial)
    vae = vae.to(memory_format=torch.channels_last)
    if initial is not None:
        for part in (vae.encoder, vae.quant_conv):
            part.requires_grad_(False)
    exact = np.array([i for i, p in enumerate(data.pictures) if p["scene"] < data.train_scenes and not p["leaky"]])
    leaky = np.array([i for i, p in enumerate(data.pictures) if p["scene"] < data.train_scenes and p["leaky"]])

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        rng, count = np.random.default_rng([1, step]), batch_size * 3 // 4
        some = np.concatenate([rng.choice(exact, count), rng.choice(leaky, batch_size - count)])
        x = to_input(data.images[np.sort(some)]).to(memory_format=torch.channels_last)
        y, kl = reconstruct(vae, x, JITTER)
        loss, shown = reconstruction_loss(y, x)
        return loss + 1e-4 * kl, shown

    groups = [{"params": [p for p in vae.parameters() if p.requires_grad], "lr": lr}]
    settings = {"batch": batch_size, "lr": lr, "initial": initial}
    with fit("autoencoder", vae, groups, loss_of, steps=steps, weight_decay=1e-4, settings=settings):
        vae = vae.to(memory_format=torch.contiguous_format).eval()
        held = [i for i, p in enumerate(data.pictures) if p["scene"] >= data.train_scenes and not p["leaky"]][:512]
        z, psnr = evaluate_vae(vae, data.images[held])
        if initial is None:
            vae.register_to_config(scaling_factor=round(1 / z.std().item(), 5))
        vae.save_pretrained(out)
        click.echo(f"held-out reconstruction {psnr.mean():.2f} dB (median {psnr.median():.2f})")


if __name__ == "__main__":
    main()
