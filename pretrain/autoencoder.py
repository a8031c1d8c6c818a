"""Train the autoencoder of all base models: an AutoencoderKL that halves a picture three times.

    python -m pretrain.autoencoder --corpus pretrain/corpus --out pretrain/vae

The encoder is written, not trained (`principal_components`); only the decoder is trained. So latents, and models
trained on them, stay valid when it is trained further.

Legend: B batch, N pictures, S side in px, C channels, h w latent. Pictures are in [-1, 1] unless said otherwise.
"""

from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from atelier.common import command
from atelier.metrics.pixel import mean_over
from atelier.world import lay_out, paint, sample_outfit
from pretrain.common.autoencoder import open_vae, to_input
from pretrain.common.loop import fit
from pretrain.common.options import input_option, training_options
from pretrain.principal_components import PatchCode, find_components, write_encoder

WIDTHS = (16, 32, 64, 96)
CHANNELS = 16
JITTER = 0.05  # noise on the latents that the decoder learns from, in standard deviations of each channel
EDGES = 0.5  # weight of the error of differences between neighbours; reconstruction has L1 + 2 MSE
CROP = 96  # side of the crops that it learns from, px; it has no attention, and crops from more pictures teach more
_SAMPLE = 600  # pictures that the components are computed from
_HELD_OUT = 256  # scenes to measure on


def build(size: int) -> AutoencoderKL:
    """Build an untrained autoencoder without attention, 1.7 M parameters; one norm group is the fastest on a CPU."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=WIDTHS,
        layers_per_block=1,
        latent_channels=CHANNELS,
        norm_num_groups=1,
        sample_size=size,
        mid_block_add_attention=False,
    )


def distance(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return L1 + 2 MSE of pictures plus EDGES times the L1 of their differences between neighbours: a scalar."""
    edges = sum(F.l1_loss(y.diff(dim=axis), x.diff(dim=axis)) for axis in (-2, -1))
    return F.l1_loss(y, x) + 2 * F.mse_loss(y, x) + EDGES * edges


# L = d(D(z + n), x), n: the jitter
def training_loss(vae: AutoencoderKL, code: PatchCode, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the decoder's loss on pictures (B, 3, S, S), computed in bfloat16, and the PSNR in dB to print."""
    z = code.encode(x)
    noise = JITTER * code.deviation[:, None, None] * torch.randn_like(z)
    with torch.autocast("cpu", torch.bfloat16):
        y = vae.decode((z + noise).contiguous(memory_format=torch.channels_last)).sample.float()
    return distance(y, x), {"psnr": 10 * np.log10(4 / F.mse_loss(y, x).item())}


def held_out(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Compose pictures of the studies' outfits: uint8 (N, S, S, 3), and where clothes are, bool (N, S, S)."""
    pictures, clothes = [], []
    for number in range(_HELD_OUT):
        scene = sample_outfit(
            np.random.default_rng([71, number]), ("studio", "street")[number % 2], held_out=True, part="study"
        )
        layout = lay_out(scene, size)
        pictures.append(paint(scene, layout))
        clothes.append(np.any([layout.masks[slot] for slot in scene.garments], axis=0))
    return np.stack(pictures), np.stack(clothes)


def draw_crops(images: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw crops of different pictures, uint8 (count, CROP, CROP, 3); smaller pictures are taken whole."""
    side = min(CROP, images.shape[1])
    some = rng.choice(len(images), count, replace=False)
    corners = rng.integers(0, images.shape[1] - side + 1, (count, 2))
    return np.stack([images[n, y : y + side, x : x + side] for n, (y, x) in zip(some, corners, strict=True)])


@torch.no_grad()
def report(vae: AutoencoderKL, size: int) -> str:
    """Return the mean PSNR on held-out pictures, whole and inside of the clothes, in one line."""
    pictures, clothes = held_out(size)
    x, inside = to_input(pictures), torch.from_numpy(clothes)[:, None].float()
    y = torch.cat([vae.decode(vae.encode(part).latent_dist.mode()).sample.clamp(-1, 1) for part in x.split(32)])
    error = (y - x).square().mean(1, keepdim=True)
    whole, worn = (10 * torch.log10(4 / mean_over(error, mask)).nanmean() for mask in (torch.ones_like(inside), inside))
    return f"held-out PSNR {whole:.2f} dB, inside of clothes {worn:.2f} dB"


@command.stage
@input_option("corpus", "Folder of the corpus.")
@training_options(steps=20_000, batch_size=8, lr=2e-3)
@input_option("initial", "Autoencoder whose decoder is trained further.", required=False)
def main(corpus: Path, out: Path, steps: int, batch_size: int, lr: float, initial: Path | None) -> None:
    """Compute the encoder, train the decoder, measure held-out pictures, and save in diffusers' format."""
    images = np.load(corpus / "images.npy", mmap_mode="r")
    torch.manual_seed(0)
    vae = build(images.shape[1])
    some = np.random.default_rng(0).choice(len(images), min(_SAMPLE, len(images)), replace=False)
    sample = to_input(images[np.sort(some)])
    code = find_components(sample, (*WIDTHS[:2], CHANNELS))
    write_encoder(vae, code)
    z = code.encode(sample)
    vae.register_to_config(scaling_factor=round(1 / z.std().item(), 5))
    if initial is not None:
        vae.decoder.load_state_dict(open_vae(initial).decoder.state_dict())
    vae = vae.to(memory_format=torch.channels_last)

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        x = to_input(draw_crops(images, batch_size, np.random.default_rng([1, step])))
        return training_loss(vae, code, x.to(memory_format=torch.channels_last))

    groups = [{"params": [p for p in vae.parameters() if p.requires_grad], "lr": lr}]
    settings = {"batch": batch_size, "lr": lr, "initial": initial, "pictures": len(images), "crop": CROP}
    with fit("autoencoder", vae, groups, loss_of, steps=steps, weight_decay=1e-4, every=500, settings=settings):
        vae = vae.to(memory_format=torch.contiguous_format).eval()
        vae.save_pretrained(out)
        click.echo(report(vae, images.shape[1]))


if __name__ == "__main__":
    main()
