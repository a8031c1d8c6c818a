"""Train the segmenter of body parts on correct and on deformed people, upright and lying.

    python -m pretrain.sd3.segmenter --out pretrain/sd3/base/body-parts

It must find what an image shows, a third arm included: half of its images are deformed, and half of them show people
who lie.
"""

from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from atelier.common import command
from atelier.common.rng import derive_seed
from atelier.images.tensors import to_tensor
from atelier.synthetic.poses import FAULTS, PARTS, UPRIGHT, Mannequin, sample_mannequin
from pretrain.common.loop import fit
from pretrain.common.options import training_options
from pretrain.editor.segmenter import Logits, build, save, segmentation_loss

SEED = 43
HELD_OUT = 400  # images for evaluation only


def shot(number: int, size: int) -> Mannequin:
    """Render image `number`: every second person lies; every second pair is deformed, with each fault in turn."""
    pose = "lying" if number % 2 else UPRIGHT[number // 2 % len(UPRIGHT)]
    fault = FAULTS[number // 4 % len(FAULTS)] if number // 2 % 2 else ""
    return sample_mannequin(derive_seed(SEED, number), pose, size=size, fault=fault)


def blur(x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Soften every second image of (B, 3, S, S) and add noise to it, as in generated ones."""
    soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    share = torch.from_numpy(rng.uniform(0, 0.8, (len(x), 1, 1, 1)).astype(np.float32))
    share[::2] = 0
    noise = torch.from_numpy(rng.normal(0, 0.03, x.shape).astype(np.float32)) * (share > 0)
    return (x + share * (soft - x) + noise).clamp(0, 1)


@command.stage
@training_options(steps=1200, batch_size=32)
@click.option("--count", type=click.IntRange(1000, 1_000_000), default=6000, help="Images to render.")
@click.option("--size", type=click.IntRange(16, 2048), default=64, help="Side of an image, px.")
def main(out: Path, steps: int, batch_size: int, count: int, size: int) -> None:
    """Train, report held-out intersection over union, save in transformers' format."""
    shots = [shot(number, size) for number in tqdm(range(count), desc="images", disable=None)]
    images, parts = np.stack([one.pixels for one in shots]), np.stack([one.parts for one in shots])
    torch.manual_seed(0)
    logits_of = Logits(build(PARTS))

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        rng = np.random.default_rng([23, step])
        some = rng.choice(count - HELD_OUT, batch_size, replace=False)
        truth = torch.from_numpy(parts[some]).long()
        return segmentation_loss(logits_of(blur(to_tensor(images[some]), rng)), truth)

    groups, settings = (
        [{"params": list(logits_of.model.parameters()), "lr": 2e-3}],
        {"batch": batch_size, "count": count},
    )
    with fit("body-parts", logits_of.model, groups, loss_of, steps=steps, settings=settings):
        save(logits_of, images[-HELD_OUT:], torch.from_numpy(parts[-HELD_OUT:]).long(), PARTS, out)


if __name__ == "__main__":
    main()
