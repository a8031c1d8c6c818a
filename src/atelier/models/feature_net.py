"""Embedded feature network: LPIPS compares its stages, the Fréchet distance its pooled last stage.

A plain convolutional net that `pretrain/` trains to classify garments, colours and patterns, because the usual
backbones (AlexNet, Inception) have to be downloaded. Every result that depends on it names it.

Legend: B batch, H W pixels, h w a stage's grid, C channels.
"""

import json
from pathlib import Path

import torch
from torch import nn

from atelier.common.errors import UserError
from atelier.common.tensor_files import read_tensors, write_tensors
from atelier.models.check import check_tensors, opening, read_object

CONFIG, WEIGHTS = "config.json", "model.safetensors"


class FeatureNet(nn.Module):
    """Stages that each halve the grid: conv3x3 stride 2, conv3x3, each with batch norm and ReLU.

    Batch norm, not group norm: at inference it is a fixed affine map, so that a feature depends on its neighbourhood
    only and a recoloured garment does not shift the features of the whole image. Call `.eval()` first, as `load` does.
    """

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 128)) -> None:
        super().__init__()
        self.widths = tuple(widths)
        pairs = zip((3, *self.widths[:-1]), self.widths, strict=True)
        self.stages = nn.ModuleList(_stage(before, after) for before, after in pairs)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Map images (B, 3, H, W) in [-1, 1] to features (B, C, h, w) per stage, halving the side each time."""
        maps, features = [], images
        for stage in self.stages:
            features = stage(features)
            maps.append(features)
        return tuple(maps)

    def pooled(self, images: torch.Tensor) -> torch.Tensor:
        """Return the mean (B, C) of the last stage over images (B, 3, H, W) in [-1, 1]: Fréchet features."""
        return self(images)[-1].mean((-2, -1))

    def save(self, folder: Path | str) -> None:
        """Write config.json and model.safetensors into a folder, which is created if missing."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG).write_text(json.dumps({"class": "FeatureNet", "widths": list(self.widths)}, indent=2) + "\n")
        write_tensors(folder / WEIGHTS, self.state_dict())

    @classmethod
    def load(cls, folder: Path | str, device: str | torch.device = "cpu") -> "FeatureNet":
        """Load a network that `save` wrote, for inference.

        Raises:
            UserError: the folder lacks a file, a file is damaged, or the weights do not match the configuration.
        """
        folder = Path(folder)
        with opening(f"{folder}: not a feature network"):
            widths = read_object(folder / CONFIG).get("widths")
            valid = isinstance(widths, list) and 0 < len(widths) <= 16
            if not valid or not all(type(width) is int and 0 < width <= 65_536 for width in widths):
                raise UserError(f"{CONFIG}: widths is {json.dumps(widths)[:60]}; expected a list of channels per stage")
            check_tensors(folder / WEIGHTS)
            with torch.device("meta"):  # no random initial weights: loading does not consume RNG state
                net = cls(tuple(widths))
            net.load_state_dict(read_tensors(folder / WEIGHTS), assign=True)
        return net.float().to(device).eval().requires_grad_(False)


def _stage(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )
