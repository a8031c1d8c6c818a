"""Did the named garment change, or the other one? Only pictures of two garments with exact masks can tell.

Legend: B batch, H W pixels.
"""

import torch

from atelier.measures.pixel import mean_over


def right_garment(change: torch.Tensor, named: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """1 where the named garment changed more per pixel than the other, else 0, (B,); no change at all is 0.

    NaN where a mask is empty: there is no second garment, and so no question.

    Args:
        change: Δ per pixel, (B, 1, H, W), as `leakage.change_map` gives it.
        named: mask of the garment that the instruction names, (B, 1, H, W).
        other: mask of the other garment, (B, 1, H, W).
    """
    means = mean_over(change, named), mean_over(change, other)
    right = (means[0] > means[1]).to(change)
    return torch.where(means[0].isnan() | means[1].isnan(), torch.full_like(right, torch.nan), right)
