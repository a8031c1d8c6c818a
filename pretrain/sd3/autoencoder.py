"""Train the flow base's autoencoder: an AutoencoderKL that halves a picture three times (f = 8) into 16 channels.

    python -m pretrain.sd3.autoencoder --corpus pretrain/sd3/corpus --out pretrain/sd3/vae

Its outer blocks start as the editor's, which halves a picture twice: only what lies between them is new. The encoder's
first two blocks stay as they are.
"""

from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from atelier.images.tensors import to_tensor
from pretrain.common.loop import fit, training_options
from pretrain.sd3.corpus import read

START = Path("models/base/editor/vae")
WIDTHS = (16, 32, 64, 64)  # the editor's, and a level below them
JITTER = 0.05  # noise on the latents, in their own deviations: the decoder learns to bear a painter's small errors


def build(size: int) -> AutoencoderKL:
    """An untrained autoencoder without attention, in the layout of Stable Diffusion 3's."""
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


def start_from_editor(size: int) -> AutoencoderKL:
    """An autoencoder whose outer blocks are the editor's; the encoder's first two are frozen."""
    vae, found = build(size), {}
    for name, tensor in AutoencoderKL.from_pretrained(START).state_dict().items():
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
    """A saved autoencoder that, saved again, says nothing of the folder it came from."""
    vae = AutoencoderKL.from_pretrained(folder)
    vae.register_to_config(_name_or_path="")
    return vae


@torch.no_grad()
def examine(vae: AutoencoderKL, pixels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents of pictures uint8 (N, S, S, 3), and the PSNR in dB (N,) of what is decoded from them."""
    x = to_tensor(pixels).mul(2).sub(1)
    z = torch.cat([vae.encode(part).latent_dist.mode() for part in x.split(64)])
    y = torch.cat([vae.decode(part).sample.clamp(-1, 1) for part in z.split(64)])
    return z, 10 * torch.log10(4 / (y - x).square().mean((1, 2, 3)))


@click.command()
@training_options(steps=1200, batch_size=16, lr=2e-3)
def main(folder: Path, out: Path, steps: int, batch_size: int, lr: float) -> None:
    """Train, measure the reconstruction of held-out pictures, and save in diffusers' format."""
    images, _, trained = read(folder)
    torch.manual_seed(0)
    vae = start_from_editor(images.shape[1]).to(memory_format=torch.channels_last)

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        rng = np.random.default_rng([21, step])
        some = np.sort(rng.choice(trained, batch_size, replace=False))
        pixels = images[some]
        if step % 2:  # on its side: the autoencoder, unlike the painter, is to know people who lie
            pixels = np.rot90(pixels, 1 + step // 2 % 3, axes=(1, 2))
        x = to_tensor(pixels).mul(2).sub(1).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            posterior = vae.encode(x).latent_dist
            z = posterior.mode()
            z = z + JITTER * z.detach().float().std() * torch.randn_like(z)
            y = vae.decode(z).sample
        y = y.float()
        kl = 0.5 * (posterior.mean.float().square() + posterior.var.float() - 1 - posterior.logvar.float()).mean()
        mse = F.mse_loss(y, x)
        return F.l1_loss(y, x) + 2 * mse + 1e-4 * kl, {"psnr": 10 * np.log10(4 / mse.item())}

    groups = [{"params": [p for p in vae.parameters() if p.requires_grad], "lr": lr}]
    with fit("flow-autoencoder", vae, groups, loss_of, steps=steps, weight_decay=1e-4,
             settings={"batch": batch_size, "lr": lr}):  # fmt: skip
        vae = vae.to(memory_format=torch.contiguous_format).eval()
        z, psnr = examine(vae, images[trained : trained + 256])
        vae.register_to_config(shift_factor=round(z.mean().item(), 5), scaling_factor=round(1 / z.std().item(), 5))
        vae.save_pretrained(out)
        click.echo(f"held-out reconstruction {psnr.mean():.2f} dB (median {psnr.median():.2f})")


if __name__ == "__main__":
    main()
