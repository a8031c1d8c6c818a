"""Train the embedded autoencoder: an AutoencoderKL that halves a picture twice (f = 4) into 4 channels.

    python -m pretrain.editor.autoencoder --corpus pretrain/editor/corpus --out pretrain/editor/vae
    python -m pretrain.editor.autoencoder --corpus … --initial … --lr 1e-3 --out pretrain/editor/decoder

With `--initial` its decoder alone goes on learning: what was encoded stays valid, and so do editors trained on it.
"""

from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from safetensors.torch import load_file

from atelier.images.tensors import to_tensor
from pretrain.common.loop import fit, read_corpus, training_options

WIDTHS = (16, 32, 64)
JITTER = 0.05  # noise on the latents, in their own deviations: the decoder learns to bear an editor's small errors


def build(size: int) -> AutoencoderKL:
    """An untrained autoencoder without attention, 0.65 M parameters."""
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


def reopen(folder: Path) -> AutoencoderKL:
    """A saved autoencoder that, saved again, says nothing of the folder it came from (`from_pretrained` would)."""
    vae = AutoencoderKL.from_config(AutoencoderKL.load_config(folder))
    vae.load_state_dict(load_file(folder / SAFETENSORS_WEIGHTS_NAME))
    return vae


@click.command()
@training_options(steps=7000, batch_size=16, lr=2e-3)
@click.option(
    "--initial", "start", type=click.Path(path_type=Path, exists=True), help="Autoencoder whose decoder to train."
)
def main(folder: Path, out: Path, steps: int, batch_size: int, lr: float, start: Path | None) -> None:
    """Train, measure the reconstruction of held-out pictures, and save in diffusers' format."""
    corpus = read_corpus(folder)
    torch.manual_seed(0)
    vae = build(corpus.images.shape[1]) if start is None else reopen(start)
    vae = vae.to(memory_format=torch.channels_last)
    if start is not None:
        for part in (vae.encoder, vae.quant_conv):
            part.requires_grad_(False)
    exact = np.array([i for i, p in enumerate(corpus.pictures) if p["scene"] < corpus.train_scenes and not p["leaky"]])
    leaky = np.array([i for i, p in enumerate(corpus.pictures) if p["scene"] < corpus.train_scenes and p["leaky"]])

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        rng = np.random.default_rng([1, step])
        some = np.concatenate(
            [rng.choice(exact, batch_size * 3 // 4), rng.choice(leaky, batch_size - batch_size * 3 // 4)]
        )
        x = to_tensor(corpus.images[np.sort(some)]).mul(2).sub(1).to(memory_format=torch.channels_last)
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
    settings = {"batch": batch_size, "lr": lr, "start": start}
    with fit("autoencoder", vae, groups, loss_of, steps=steps, weight_decay=1e-4, settings=settings):
        vae = vae.to(memory_format=torch.contiguous_format).eval()
        held = [i for i, p in enumerate(corpus.pictures) if p["scene"] >= corpus.train_scenes and not p["leaky"]][:512]
        x = to_tensor(corpus.images[held]).mul(2).sub(1)
        with torch.no_grad():
            z = torch.cat([vae.encode(part).latent_dist.mode() for part in x.split(64)])
            y = torch.cat([vae.decode(part).sample.clamp(-1, 1) for part in z.split(64)])
        psnr = 10 * torch.log10(4 / (y - x).square().mean((1, 2, 3)))
        if start is None:
            vae.register_to_config(scaling_factor=round(1 / z.std().item(), 5))
        vae.save_pretrained(out)
        error = (y - x).abs().mean() / 2
        click.echo(f"held-out reconstruction {psnr.mean():.2f} dB (median {psnr.median():.2f}), error {error:.4f}")


if __name__ == "__main__":
    main()
