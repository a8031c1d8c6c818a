"""A small network that segments pictures, its loss, and how its training pictures are varied.

UPerNet (Xiao et al. 2018) over ConvNeXt (Liu et al. 2022) with patches of 2 px, 0.7 M parameters: at the same cost it
learns thin parts, such as faces and hands of a few pixels, that a SegFormer with outputs of a quarter of the side
misses (docs/log.md).

Legend: B batch, L labels, H W pixels.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from transformers import ConvNextConfig, SegformerImageProcessor, UperNetConfig, UperNetForSemanticSegmentation

from atelier.images.tensors import to_tensor

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # SegformerImageProcessor's own defaults
IGNORED = 255  # label of pixels whose label is unknown
DICE = 0.5  # weight of the Dice loss, which counts small labels as much as large ones
ZOOM, SHIFT, TURN = 0.25, 0.15, 0.05  # of varied pictures: ± ln of the scale, ± share of the side, ± radians
TINT, GAMMA = 0.1, 0.15  # standard deviations of ln gain of a colour channel, of ln exponent


def build(labels: Sequence[str]) -> UperNetForSemanticSegmentation:
    """Build an untrained network for some labels; its output has the picture's side."""
    stages = [f"stage{number}" for number in range(1, 5)]
    backbone = ConvNextConfig(patch_size=2, hidden_sizes=[24, 48, 96, 160], depths=[1, 1, 2, 1], out_features=stages)
    return UperNetForSemanticSegmentation(
        UperNetConfig(
            backbone_config=backbone,
            hidden_size=32,
            use_auxiliary_head=False,
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={name: index for index, name in enumerate(labels)},
        )
    )


class Logits:
    """A network's logits at the resolution of its input."""

    def __init__(self, model: UperNetForSemanticSegmentation) -> None:
        self.model = model
        self.mean, self.std = (torch.tensor(value)[None, :, None, None] for value in (MEAN, STD))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits float32 (B, L, H, W) of pictures (B, 3, H, W) in [0, 1]; computed in bfloat16 in training."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.model.training):
            logits = self.model(pixel_values=(x - self.mean) / self.std).logits
        return F.interpolate(logits.float(), x.shape[-2:], mode="bilinear", align_corners=False)


# L = −mean log p_y + DICE (1 − mean over the labels (2 Σ p y + 1) / (Σ p + Σ y + 1))        (Milletari et al. 2016)
def segmentation_loss(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return cross-entropy plus weighted Dice loss, a scalar.

    Args:
        logits: (B, L, H, W).
        truth: label maps int64 (B, H, W), IGNORED where the label is unknown.
    """
    known = truth != IGNORED
    if not known.any():
        return logits.sum() * 0
    shares = logits.softmax(1) * known[:, None]
    exact = F.one_hot(truth.where(known, torch.zeros_like(truth)), logits.shape[1]).permute(0, 3, 1, 2)
    exact = exact * known[:, None]
    both, either = (shares * exact).sum((0, 2, 3)), (shares + exact).sum((0, 2, 3))
    dice = 1 - (2 * both + 1) / (either + 1)
    return F.cross_entropy(logits, truth, ignore_index=IGNORED) + DICE * dice.mean()


def vary(x: torch.Tensor, truth: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Flip, scale, shift, turn and tint pictures float32 (B, 3, H, W) in [0, 1], and their labels int64 (B, H, W)."""
    draw, count = torch.Generator().manual_seed(seed), len(x)

    def uniform(*shape: int) -> torch.Tensor:
        return 2 * torch.rand(*shape, generator=draw) - 1

    scale, turn = torch.exp(ZOOM * uniform(count)), TURN * uniform(count)
    flip = torch.where(torch.rand(count, generator=draw) < 0.5, -1.0, 1.0)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = flip / scale, 1 / scale
    theta[:, 0, 1], theta[:, 1, 0] = turn, -turn
    theta[:, :, 2] = SHIFT * uniform(count, 2)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    moved = F.grid_sample(truth[:, None].float(), grid, "nearest", padding_mode="reflection", align_corners=False)
    gain = torch.exp(TINT * torch.randn(count, 3, 1, 1, generator=draw))
    gamma = torch.exp(GAMMA * torch.randn(count, 1, 1, 1, generator=draw))
    return (x * gain).clamp(0, 1) ** gamma, moved[:, 0].long()


@torch.no_grad()
def find_labels(logits_of: Logits, images: np.ndarray, channels: Sequence[int] | None = None) -> np.ndarray:
    """Return the likeliest label of each pixel, uint8 (N, H, W), of images uint8 (N, H, W, 3).

    Args:
        channels: numbers of the labels to choose from; the result counts them from 0. None: all.
    """
    logits_of.model.eval()
    chosen = slice(None) if channels is None else list(channels)
    return torch.cat([logits_of(x)[:, chosen].argmax(1) for x in to_tensor(images).split(50)]).to(torch.uint8).numpy()


def overlaps(found: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> dict[str, float]:
    """Return the intersection over union of each label that occurs, over all maps (N, H, W) together, and the mean."""
    scores = {}
    for number, name in enumerate(labels):
        if (truth == number).any():
            both, either = (found == number) & (truth == number), (found == number) | (truth == number)
            scores[name] = float(both.sum() / either.sum())
    return scores | {"mean": float(np.mean(list(scores.values())))}


def save(model: UperNetForSemanticSegmentation, size: int, out: Path, notes: Mapping[str, object]) -> None:
    """Save in transformers' format, in bfloat16, with an image processor for pictures of `size` px and notes."""
    small = model.to(torch.bfloat16).eval()
    small.config.update(dict(notes))
    small.save_pretrained(out)
    sides = {"height": size, "width": size}
    SegformerImageProcessor(size=sides, image_mean=MEAN, image_std=STD).save_pretrained(out)
