"""EfficientNet-Lite0 (Tan and Le 2019; the Lite variants: Google 2020), trained on ImageNet: features of one image.

They serve Fréchet and kernel distance and the similarity of images. The Lite variants have no squeeze-and-excitation
and ReLU6 in place of Swish. Batch norm is folded into the convolutions when the weights are converted. The network was
trained at 224 px and is used at 128, the size of the embedded pictures: docs/judges.md has what the larger one changes.

Legend: B batch, H W pixels, C channels. Images are float (B, 3, H, W) in [0, 1].
"""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from atelier.common.errors import UserError
from atelier.judges.folder import MOST_LAYERS, check_count, read_judge

KIND = "EfficientNet"
MEAN, DEVIATION = 127 / 255, 128 / 255  # of the Lite variants, all channels alike
BATCH = 64  # images that pass through the network at once


@dataclass(frozen=True)
class Stage:
    """Blocks of one shape; the first has the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int  # factor by which a block widens its input
    channels: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            check_count(value, name, MOST_LAYERS if name == "repeats" else 65_536 if name == "channels" else 16)


class SameConvolution(nn.Conv2d):
    """Convolution with TensorFlow's padding SAME: side / stride places, rounded up; an odd pixel goes to the end."""

    def forward(self, maps: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', ⌈H / stride⌉, ⌈W / stride⌉)."""
        around: list[int] = []
        for side in reversed(range(2)):  # `F.pad` takes the last axis first
            length, kernel, stride = maps.shape[2 + side], self.kernel_size[side], self.stride[side]
            lacking = max(0, (math.ceil(length / stride) - 1) * stride + kernel - length)
            around += [lacking // 2, lacking - lacking // 2]
        return super().forward(F.pad(maps, around) if any(around) else maps)


class Block(nn.Module):
    """Inverted bottleneck (MBConv): widen by 1 × 1, filter each channel, narrow by 1 × 1; add the input if it fits."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inside = before * expansion
        self.expand = SameConvolution(before, inside, 1) if expansion > 1 else None
        self.depthwise = SameConvolution(inside, inside, kernel, stride=stride, groups=inside)
        self.project = SameConvolution(inside, after, 1)
        self.adds_input = stride == 1 and before == after

    def forward(self, maps: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', ⌈H / stride⌉, ⌈W / stride⌉)."""
        inside = maps if self.expand is None else F.relu6(self.expand(maps))
        narrow = self.project(F.relu6(self.depthwise(inside)))
        return maps + narrow if self.adds_input else narrow


class EfficientNet(nn.Module):
    """EfficientNet-Lite without its classifier.

    Args:
        size: side in px to which `features` resizes images.
        stem: channels of the first convolution.
        head: channels of the last one, the width of the features.
    """

    def __init__(self, size: int, stem: int, stages: Iterable[Stage], head: int) -> None:
        super().__init__()
        shapes = [(stage, stage.stride if first else 1) for stage in stages for first in _first_of(stage.repeats)]
        widths = [stem, *(stage.channels for stage, _ in shapes)]
        self.size = size
        self.stem = SameConvolution(3, stem, 3, stride=2)
        self.blocks = nn.ModuleList(
            Block(before, after, stage.kernel, stride, stage.expansion)
            for (before, after), (stage, stride) in zip(pairwise(widths), shapes, strict=True)
        )
        self.head = SameConvolution(widths[-1], head, 1)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "EfficientNet":
        """Build the network that config.json describes.

        Raises:
            UserError: a value is missing or not of its type.
        """
        size, stem, head = (check_count(config.get(name), name) for name in ("size", "stem", "head"))
        stages = config.get("stages")
        names = Stage.__annotations__.keys()
        valid = isinstance(stages, list) and 0 < len(stages) <= MOST_LAYERS
        if not valid or not all(isinstance(one, dict) and one.keys() == names for one in stages):
            told = json.dumps(stages)[:60]
            raise UserError(f"config.json: stages is {told}; expected a list of objects with {', '.join(names)}")
        return cls(size, stem, [Stage(**one) for one in stages], head)

    @classmethod
    def load(cls, folder: Path | str, device: str | torch.device = "cpu") -> "EfficientNet":
        """Load the network of a folder in float32, for inference.

        Raises:
            UserError: the folder lacks a file, a file is damaged, or the weights do not match the configuration.
        """
        return read_judge(Path(folder), KIND, cls.from_config).to(device)

    def forward(self, images: Tensor) -> Tensor:
        """Return the mean (B, C) of the last layer over images (B, 3, H, W) in [0, 1], at the size that they have."""
        return F.relu6(self.head(self._maps(images, len(self.blocks)))).mean((-2, -1))

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Return the features (B, C) of images (B, 3, H, W) in [0, 1], resized to `size` × `size` px (bicubic)."""
        return self(self._resize(images))

    @torch.no_grad()
    def patches(self, images: Tensor, blocks: int = 5) -> Tensor:
        """Return what the first blocks make of every place, (B, h w, C), of images as `features` takes them.

        After five of Lite0's blocks a place is 8 × 8 px of the resized image and has 40 channels.
        """
        return self._maps(self._resize(images), blocks).flatten(2).transpose(1, 2)

    def _maps(self, images: Tensor, blocks: int) -> Tensor:
        maps = F.relu6(self.stem((images - MEAN) / DEVIATION))
        for block in self.blocks[:blocks]:
            maps = block(maps)
        return maps

    def _resize(self, images: Tensor) -> Tensor:
        sides = (self.size, self.size)
        if tuple(images.shape[-2:]) == sides:
            return images
        return F.interpolate(images, sides, mode="bicubic", antialias=True).clamp(0, 1)


def _first_of(count: int) -> list[bool]:
    return [number == 0 for number in range(count)]


@dataclass(frozen=True)
class Features:
    """A feature extractor and the name that results report, as in `atelier.metrics.frechet`."""

    name: str
    of: Callable[[Tensor], Tensor]  # (B, 3, H, W) in [0, 1] → (B, C)


def features_of(folder: Path | str, device: str | torch.device = "cpu") -> Features:
    """Load a network as a feature extractor, which takes any number of images.

    Raises:
        UserError: as `EfficientNet.load`.
    """
    net = EfficientNet.load(folder, device)

    def extract(pictures: Tensor) -> Tensor:
        return torch.cat([net.features(batch.to(device)) for batch in pictures.split(BATCH)])

    return Features(f"{folder} (EfficientNet-Lite0, ImageNet, at {net.size} px)", extract)


def similarity(first: Tensor, second: Tensor) -> Tensor:
    """Return the cosine (B,) of the features (B, C) of two images; 1 for a copy."""
    return F.cosine_similarity(first, second, dim=-1)
