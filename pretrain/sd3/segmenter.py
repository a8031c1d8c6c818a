"""Train the segmenter of body parts, on people as they should be and on people gone wrong, upright and lying.

    python -m pretrain.sd3.segmenter --out pretrain/sd3/base/body-parts

It must show what is there, a third arm included: half of what it sees is deformed, and half of it lies.
"""

from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm
from transformers import SegformerImageProcessor

from atelier.common.rng import derive_seed
from atelier.images.tensors import to_tensor
from atelier.synthetic.poses import FAULTS, PARTS, UPRIGHT, Mannequin, sample_mannequin
from pretrain.common.loop import fit
from pretrain.editor.segmenter import MEAN, STD, build

SEED = 43
HELD_OUT = 400  # pictures for measuring alone


def shot(number: int, size: int) -> Mannequin:
    """Every second lies, every second pair is deformed, each in another of the faults."""
    pose = "lying" if number % 2 else UPRIGHT[number // 2 % len(UPRIGHT)]
    fault = FAULTS[number // 4 % len(FAULTS)] if number // 2 % 2 else ""
    return sample_mannequin(derive_seed(SEED, number), pose, size=size, fault=fault)


def blur(x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Pictures (B, 3, S, S) a little softened and noisy, as painted ones are; each second one stays as it is."""
    soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    share = torch.from_numpy(rng.uniform(0, 0.8, (len(x), 1, 1, 1)).astype(np.float32))
    share[::2] = 0
    noise = torch.from_numpy(rng.normal(0, 0.03, x.shape).astype(np.float32)) * (share > 0)
    return (x + share * (soft - x) + noise).clamp(0, 1)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--steps", type=click.IntRange(min=1), default=1200, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True)
@click.option("--count", type=click.IntRange(min=1000), default=6000, show_default=True, help="Pictures to render.")
@click.option("--size", type=click.IntRange(min=16), default=64, show_default=True, help="Side of a picture, px.")
def main(out: Path, steps: int, batch_size: int, count: int, size: int) -> None:
    """Train, report held-out intersection over union, save in transformers' format."""
    shots = [shot(number, size) for number in tqdm(range(count), desc="pictures", disable=None)]
    images, parts = np.stack([one.pixels for one in shots]), np.stack([one.parts for one in shots])
    torch.manual_seed(0)
    model, mean, std = build(PARTS), *(torch.tensor(value)[None, :, None, None] for value in (MEAN, STD))

    def logits_of(x: torch.Tensor) -> torch.Tensor:
        logits = model(pixel_values=(x - mean) / std).logits
        return F.interpolate(logits, x.shape[-2:], mode="bilinear", align_corners=False)

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        rng = np.random.default_rng([23, step])
        some = rng.choice(count - HELD_OUT, batch_size, replace=False)
        truth = torch.from_numpy(parts[some]).long()
        logits = logits_of(blur(to_tensor(images[some]), rng))
        return F.cross_entropy(logits, truth), {"pixels": (logits.argmax(1) == truth).float().mean().item()}

    groups = [{"params": list(model.parameters()), "lr": 2e-3}]
    with fit("body-parts", model, groups, loss_of, steps=steps, settings={"batch": batch_size, "count": count}):
        model.eval()
        with torch.no_grad():
            found = torch.cat([logits_of(x).argmax(1) for x in to_tensor(images[-HELD_OUT:]).split(50)])
        truth = torch.from_numpy(parts[-HELD_OUT:]).long()
        for index, name in enumerate(PARTS):
            both, either = ((found == index) & (truth == index)).sum(), ((found == index) | (truth == index)).sum()
            click.echo(f"held-out intersection over union, {name}: {both / either:.4f}")
        model.save_pretrained(out)
        SegformerImageProcessor(
            size={"height": size, "width": size}, image_mean=MEAN, image_std=STD
        ).save_pretrained(out)  # fmt: skip


if __name__ == "__main__":
    main()
