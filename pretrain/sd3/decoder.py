"""Train the autoencoder's decoder further: half of its images now show people who lie, some of them deformed.

    python -m pretrain.sd3.decoder --corpus pretrain/sd3/corpus --vae pretrain/sd3/vae --out pretrain/sd3/decoder

Only the transformer is to deform people: an autoencoder trained on as few who lie blurs them, correct or not. The
encoder is frozen, so that latents, and transformers trained on them, stay valid.
"""

from pathlib import Path

import click
import numpy as np
import torch

from atelier.common import command
from atelier.common.rng import derive_seed
from atelier.synthetic.poses import FAULTS, sample_mannequin
from pretrain.common.autoencoder import evaluate_vae, reconstruction_loss, to_input
from pretrain.common.corpus import read_shots
from pretrain.common.loop import fit
from pretrain.common.options import input_option, training_options
from pretrain.sd3.autoencoder import JITTER, read_vae

SEED, POOL, HELD_OUT = 47, 3000, 128  # POOL people who lie, HELD_OUT of them for evaluation only


def lying(size: int) -> np.ndarray:
    """Render POOL people who lie, uint8 (POOL, S, S, 3); every third is deformed, except those held out."""
    pictures = []
    for number in range(POOL):
        wrong = number % 3 == 0 and number >= HELD_OUT
        fault = FAULTS[number // 3 % len(FAULTS)] if wrong else ""
        pictures.append(sample_mannequin(derive_seed(SEED, number), "lying", size=size, fault=fault).pixels)
    return np.stack(pictures)


@command.stage
@input_option("corpus", "Folder of the corpus of poses.")
@training_options(steps=1000, batch_size=16, lr=1e-3)
@input_option("vae", "Folder of the autoencoder.")
def main(corpus: Path, out: Path, steps: int, batch_size: int, lr: float, vae: Path) -> None:
    """Train, measure the reconstruction of people who lie and of others, and save."""
    images, _, trained = read_shots(corpus)
    torch.manual_seed(0)
    model, held = read_vae(vae), lying(images.shape[1])
    pool = np.concatenate([held[HELD_OUT:], images[: POOL - HELD_OUT]])
    clean, _ = evaluate_vae(model, pool)
    spread = JITTER * clean.std()
    model.encoder.requires_grad_(False)
    model = model.to(memory_format=torch.channels_last)

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        some = np.random.default_rng([24, step]).choice(len(pool), batch_size, replace=False)
        x = to_input(pool[some]).to(memory_format=torch.channels_last)
        z = clean[some] + spread * torch.randn(batch_size, *clean.shape[1:])
        with torch.autocast("cpu", torch.bfloat16):
            y = model.decode(z.contiguous(memory_format=torch.channels_last)).sample
        return reconstruction_loss(y.float(), x)

    groups = [{"params": [p for p in model.parameters() if p.requires_grad], "lr": lr}]
    settings = {"batch": batch_size, "lr": lr}
    with fit("sd3-decoder", model, groups, loss_of, steps=steps, weight_decay=1e-4, settings=settings):
        model = model.to(memory_format=torch.contiguous_format).eval()
        sets = {"lying": held[:HELD_OUT], "others": images[trained:][:128]}
        found = {name: evaluate_vae(model, pixels)[1] for name, pixels in sets.items()}
        model.save_pretrained(out)
        click.echo(", ".join(f"{name}: held-out reconstruction {psnr.mean():.2f} dB" for name, psnr in found.items()))


if __name__ == "__main__":
    main()
