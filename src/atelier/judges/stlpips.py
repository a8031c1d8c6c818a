"""ST-LPIPS (Ghildyal and Liu 2022), the shift-tolerant perceptual distance, over AlexNet.

Its authors trained the backbone and the weights of the channels together, from nothing, on human judgements of photo
patches of 64 px (BAPPS, Zhang et al. 2018). Compared with AlexNet in LPIPS, the first convolution has stride 1, and
every reduction is a blur that keeps each second place (Zhang 2019), padded by two pixels, so that a shift of the image
by a pixel changes little (sections 3.1 to 3.3).

Like `atelier.metrics.lpips` it compares *source* and edited image: lower is better, and a copy scores 0. Distances of
different networks are not comparable.

Legend: B batch, H W pixels, h w a layer's grid, C channels. Images are float (B, 3, H, W) in [0, 1].
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from atelier.common.errors import UserError
from atelier.judges.folder import check_count, read_judge

KIND = "ShiftTolerantAlexNet"
ALEXNET = (64, 192, 384, 256, 256)  # channels of the five layers
LEAST_SIDE = 21  # px; of a smaller image the third layer has less than the three places that its padding mirrors
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of images in [-1, 1]: ImageNet's mean and deviation
BINOMIAL = (0.25, 0.5, 0.25)
UNIT_EPSILON = 1e-10  # avoids division by zero
_KERNELS, _PADDING = (11, 5, 3, 3, 3), (2, 2, 1, 1, 1)


class ShiftTolerantAlexNet(nn.Module):
    """AlexNet's convolutions with anti-aliased reductions, and a weight for each channel of each layer."""

    def __init__(self, widths: Sequence[int] = ALEXNET) -> None:
        super().__init__()
        self.widths = tuple(widths)
        shapes = zip((3, *self.widths[:-1]), self.widths, _KERNELS, _PADDING, strict=True)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, kernel, padding=padding) for before, after, kernel, padding in shapes
        )
        self.weights = nn.ModuleList(nn.Conv2d(width, 1, 1, bias=False) for width in self.widths)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ShiftTolerantAlexNet":
        """Build the network that config.json describes.

        Raises:
            UserError: `widths` is not a list of five numbers of channels.
        """
        widths = config.get("widths")
        if not isinstance(widths, list) or len(widths) != len(ALEXNET):
            raise UserError(f"config.json: widths is {json.dumps(widths)[:60]}; expected the channels of five layers")
        return cls([check_count(width, "a width") for width in widths])

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Map images (B, 3, H, W) in [0, 1] to five layers (B, C, h, w), reduced 2, 4, 8, 8 and 8 times.

        Raises:
            ValueError: a side is shorter than LEAST_SIDE.
        """
        if min(images.shape[-2:]) < LEAST_SIDE:
            raise ValueError(f"images of shape {tuple(images.shape)}; both sides must be at least {LEAST_SIDE} px")
        shift, scale = (images.new_tensor(values).view(3, 1, 1) for values in (SHIFT, SCALE))
        first, second, third, fourth, fifth = self.convolutions
        layers = [F.relu(_halve(first((2 * images - 1 - shift) / scale)))]
        for convolution in (second, third):
            layers.append(F.relu(convolution(_halve(_largest(layers[-1])))))
        for convolution in (fourth, fifth):
            layers.append(F.relu(convolution(layers[-1])))
        return tuple(layers)


def _largest(maps: Tensor) -> Tensor:
    """Return the maximum of each 3 × 3 window that fits in maps (B, C, h, w); `F.max_pool2d` is slow on a CPU."""
    rows = torch.maximum(torch.maximum(maps[..., :-2, :], maps[..., 1:-1, :]), maps[..., 2:, :])
    return torch.maximum(torch.maximum(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])


def _halve(maps: Tensor) -> Tensor:
    """Blur maps (B, C, h, w) with a 3 × 3 binomial filter and keep each second place; two mirrored pixels around."""
    channels = maps.shape[1]
    row = maps.new_tensor(BINOMIAL)
    blur = torch.outer(row, row).expand(channels, 1, 3, 3)
    return F.conv2d(F.pad(maps, (2, 2, 2, 2), mode="reflect"), blur, stride=2, groups=channels)


@dataclass(frozen=True)
class StLpips:
    """Perceptual distance with the methods of `atelier.metrics.lpips.Lpips`; `name` says which network computes it.

    Images may have any height and width from LEAST_SIDE px. The human judgements behind it are of 64 px.
    """

    name: str
    net: ShiftTolerantAlexNet
    one_by_one: ClassVar[bool] = True  # on a CPU an image's layers do not depend on its batch, not even by rounding

    @classmethod
    def load(cls, folder: Path | str, device: str | torch.device = "cpu") -> "StLpips":
        """Load the network of a folder in float32.

        Raises:
            UserError: the folder lacks a file, a file is damaged, or the weights do not match the configuration.
        """
        net = read_judge(Path(folder), KIND, ShiftTolerantAlexNet.from_config)
        return cls(f"{folder} (shift-tolerant LPIPS, AlexNet)", net.to(device))

    @torch.no_grad()
    def features(self, pictures: Tensor) -> list[Tensor]:
        """Return the network's layers, each (B, C, h, w) and normalised to unit length along C."""
        parts = [[_unit(layer) for layer in self.net(images)] for images in _in_cache(pictures)]
        return [torch.cat(layers) for layers in zip(*parts, strict=True)]

    @torch.no_grad()
    def differences(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> list[Tensor]:
        """Return distance maps between two images' features, (B, 1, h, w) per layer, at least 0."""
        return [
            torch.cat([weigh((a - b).square_()) for a, b in zip(_in_cache(one), _in_cache(other), strict=True)])
            for weigh, one, other in zip(self.net.weights, first, second, strict=True)
        ]

    def distance(self, first: Tensor, second: Tensor) -> Tensor:
        """Return ST-LPIPS (B,) between whole images: the mean over each layer's grid, summed over the layers."""
        differences = self.differences(self.features(first), self.features(second))
        return torch.stack([layer.mean((1, 2, 3)) for layer in differences]).sum(0)


def _unit(layer: Tensor) -> Tensor:
    return layer / (layer.square().sum(1, keepdim=True).sqrt() + UNIT_EPSILON)


def _in_cache(images: Tensor) -> tuple[Tensor, ...]:
    """Split a batch into single images on a CPU, whose cache does not hold the maps of several."""
    return images.split(1) if images.device.type == "cpu" else (images,)
