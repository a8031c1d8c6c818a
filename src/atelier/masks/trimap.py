"""The trimap (the editing paper, section 6.1): tight (the garment), context (its scaled box without it), background.

Legend: B batch, H W pixels, h w the latent grid. Boxes are [x1, y1, x2, y2] in px, x2 and y2 exclusive.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class TrimapZones:
    """Share of each zone in each pixel: float (B, 1, H, W) in [0, 1]; the three sum to 1."""

    tight: torch.Tensor
    context: torch.Tensor
    background: torch.Tensor


def zones(tight: torch.Tensor, boxes: torch.Tensor) -> TrimapZones:
    """Compute the regions of equation 1: M, B(1 − M) and (1 − B)(1 − M), which sum to 1 even where M leaves B.

    Args:
        tight: M, float (B, 1, H, W) or (B, H, W) in [0, 1].
        boxes: corners of B, (B, 4) in px; a pixel that an edge crosses is covered in part.
    """
    if tight.dim() == 3:
        tight = tight.unsqueeze(1)
    if tight.dim() != 4 or tight.shape[1] != 1 or boxes.shape != (tight.shape[0], 4):
        raise ValueError(
            f"expected masks (B, 1, H, W) and boxes (B, 4), got {tuple(tight.shape)}, {tuple(boxes.shape)}"
        )
    height, width = tight.shape[-2:]
    inside = (
        _cover(boxes[:, 1], boxes[:, 3], height)[:, None, :, None]
        * _cover(boxes[:, 0], boxes[:, 2], width)[:, None, None]
    )
    inside = inside.to(tight)
    return TrimapZones(tight, inside * (1 - tight), (1 - inside) * (1 - tight))


def _cover(start: torch.Tensor, end: torch.Tensor, length: int) -> torch.Tensor:
    """Return the share of each of `length` cells that [start, end] covers: (B, length)."""
    left = torch.arange(length, dtype=torch.float32, device=start.device)
    covered = torch.minimum(end[:, None].float(), left + 1) - torch.maximum(start[:, None].float(), left)
    return covered.clamp(0, 1)


def to_latent(trimap: TrimapZones, size: tuple[int, int]) -> TrimapZones:
    """Resample the zones to the latent grid (h, w) by area; they still sum to 1 per cell."""
    parts = (F.interpolate(part, size, mode="area") for part in (trimap.tight, trimap.context, trimap.background))
    return TrimapZones(*parts)
