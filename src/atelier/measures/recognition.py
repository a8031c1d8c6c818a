"""CLIP on the garment: is it what was asked for, and is its print the one that was asked for?

    inside the box    cos(Ib, Tg)            Ib: the picture cropped to the garment, Tg: the garment's phrase
    recognised        argmax_p cos(I, Tp)    the captions Tp differ in the pattern alone: is the one asked for nearest?

The first is in [-1, 1] here (`clip.similarity` of the crop); reports print it × 100.

Legend: B batch, H W pixels, N alternatives, D feature width.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from atelier.instructions import PATTERNS, describe
from atelier.records import Probe
from atelier.wording import find_mention, recaption


def garment_phrase(probe: Probe) -> str:
    """What the target caption says of the garment: "a red striped shirt"; by the prompt where it does not name it."""
    said = find_mention(probe.target_caption, probe.garment)
    if said:
        return probe.target_caption[said.start : said.end]
    return describe(probe.garment, **{probe.factor: probe.value})


def pattern_captions(probe: Probe) -> list[str]:
    """The source's caption with each pattern in turn on the garment, in the order of `instructions.PATTERNS`."""
    return [recaption(probe.source_caption, probe.garment, pattern=pattern) for pattern in PATTERNS]


def crop_squares(pictures: torch.Tensor, boxes: Sequence[Sequence[float]], side: int) -> torch.Tensor:
    """The smallest square around each box, moved into the picture and resized bicubically: (B, 3, side, side).

    A square, because a squashed crop would squash the print; where the box is longer than the picture is wide, the
    picture's middle is taken.

    Args:
        pictures: (B, 3, H, W) in [0, 1].
        boxes: [x1, y1, x2, y2] in px, one a picture, none empty.
    """
    height, width = pictures.shape[-2:]
    crops = []
    for picture, (x1, y1, x2, y2) in zip(pictures, boxes, strict=True):
        length = min(max(math.ceil(x2 - x1), math.ceil(y2 - y1)), height, width)
        left, top = (
            min(max(round((low + high - length) / 2), 0), limit - length)
            for low, high, limit in ((x1, x2, width), (y1, y2, height))
        )
        crop = picture[None, :, top : top + length, left : left + length]
        crops.append(F.interpolate(crop, size=(side, side), mode="bicubic", antialias=True).clamp(0, 1))
    return torch.cat(crops)


def recognised(image: torch.Tensor, texts: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
    """1 where the picture is most like the text asked for, else 0, (B,). Higher is better; 1 / N by chance.

    Args:
        image: unit features (B, D).
        texts: unit features of N alternatives a picture, (B, N, D).
        asked: the index of the one asked for, int64 (B,).
    """
    return (torch.einsum("bd,bnd->bn", image, texts).argmax(1) == asked).to(image)
