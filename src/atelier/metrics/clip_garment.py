"""CLIP on the garment: does the crop match the garment's phrase, and is the requested pattern recognised?

    inside the box    cos(Ib, Tg)            Ib: the image cropped to the garment, Tg: the garment's phrase
    recognised        argmax_p cos(I, Tp)    captions Tp differ only in the pattern; is the requested one nearest?

The first is `clip.similarity` of the crop, in [-1, 1]; reports print it × 100.

Legend: B batch, H W pixels, N alternatives, D feature width.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F


def crop_squares(pictures: torch.Tensor, boxes: Sequence[Sequence[float]], side: int) -> torch.Tensor:
    """Crop the smallest square around each box, moved into the image, and resize it bicubically: (B, 3, side, side).

    A square keeps the aspect ratio of the pattern. If the box is longer than the image is wide, the square is as large
    as fits, around the box's centre.

    Args:
        pictures: (B, 3, H, W) in [0, 1].
        boxes: [x1, y1, x2, y2] in px, one per image, none empty.
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
    """Return 1 if the requested text is the nearest of N, else 0, (B,). Higher is better; 1 / N by chance.

    NaN where one of the texts was not read: its features are NaN.

    Args:
        image: unit features (B, D).
        texts: unit features of N alternatives per image, (B, N, D).
        asked: index of the requested text, int64 (B,).
    """
    cosines = torch.einsum("bd,bnd->bn", image, texts)
    return (cosines.argmax(1) == asked).to(image).masked_fill(cosines.isnan().any(1), torch.nan)
