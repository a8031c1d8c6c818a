"""Train the autoencoder of the SD3 model: an AutoencoderKL that halves an image three times (f = 8) into 16 channels.

    python -m pretrain.sd3.autoencoder --corpus pretrain/sd3/corpus --out pretrain/sd3/vae

Its outer blocks start as those of the editor's autoencoder, which halves an image twice; only the blocks between them
are new. The encoder's first two blocks are frozen.
"""

from pathlib import Path

import click
import numpy as np
import torch
from diffusers import AutoencoderKL

from atelier.common import command
from pretrain.common.autoencoder import evaluate_vae, reconstruct, reconstruction_loss, to_input
from pretrain.common.corpus import read_shots
from pretrain.common.loop import fit
from pretrain.common.options import input_option, training_options

INITIAL = Path("models/base/editor/vae")
WIDTHS = (16, 32, 64, 64)  # the editor's, and one more level
JITTER = 0.05  # of the latents, as `reconstruct` takes it


def build(size: int) -> AutoencoderKL:
    """Build an untrained autoencoder without attention, in the layout of Stable Diffusion 3's."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=WIDTHS,
        layers_per_block=1,
        latent_channels=16,
        norm_num_groups=8,
        sample_size=size,
        use_quant_conv=False,
        use_post_quant_conv=False,
        mid_block_add_attention=False,
    )


def initialise_from_editor(size: int) -> AutoencoderKL:
    """Build an autoencoder whose outer blocks are the editor's; the encoder's first two are frozen."""
    vae, found = build(size), {}
    for name, tensor in AutoencoderKL.from_pretrained(INITIAL).state_dict().items():
        at = name.split(".")
        if at[:2] == ["decoder", "up_blocks"]:
            at[2] = str(int(at[2]) + 1)
        found[".".join(at)] = tensor
    wanted = vae.state_dict()
    fitting = {name: t for name, t in found.items() if name in wanted and wanted[name].shape == t.shape}
    vae.load_state_dict(fitting, strict=False)
    for part in (vae.encoder.conv_in, *vae.encoder.down_blocks[:2]):
        part.requires_grad_(False)
    return vae


def read_vae(folder: Path) -> AutoencoderKL:
    """Open a saved autoencoder; saved again its configuration has an empty path, as in `models/base/flow-painter`."""
    vae = AutoencoderKL.from_pretrained(folder)
    vae.register_to_config(_name_or_path="")
    return vae


@command.stage
@input_option("corpus", "Folder of the corpus of poses.")
@training_options(steps=1200, batch_size=16, lr=2e-3)
def main(corpus: Path, out: Path, steps: int, batch_size: int, lr: float) -> None:
    """Train, measure the reconstruction of held-out images, and save in diffusers' format."""
    images, _, trained = read_shots(corpus)
    torch.manual_seed(0)
    vae = initialise_from_editor(images.shape[1]).to(memory_format=torch.channels_last)

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        rng = np.random.default_rng([21, step])
        pixels = images[np.sort(rng.choice(trained, batch_size, replace=False))]
        if step % 2:  # rotated: unlike the transformer, the autoencoder is to represent people who lie
            pixels = np.rot90(pixels, 1 + step // 2 % 3, axes=(1, 2))
        x = to_input(pixels).to(memory_format=torch.channels_last)
        y, kl = reconstruct(vae, x, JITTER)
        loss, shown = reconstruction_loss(y, x)
        return loss + 1e-4 * kl, shown

    groups = [{"params": [p for p in vae.parameters() if p.requires_grad], "lr": lr}]
    settings = {"batch": batch_size, "lr": lr}
    with fit("sd3-autoencoder", vae, groups, loss_of, steps=steps, weight_decay=1e-4, settings=settings):
        vae = vae.to(memory_format=torch.contiguous_format).eval()
        z, psnr = evaluate_vae(vae, images[trained : trained + 256])
        vae.register_to_config(shift_factor=round(z.mean().item(), 5), scaling_factor=round(1 / z.std().item(), 5))
        vae.save_pretrained(out)
        click.echo(f"held-out reconstruction {psnr.mean():.2f} dB (median {psnr.median():.2f})")


if __name__ == "__main__":
    main()
