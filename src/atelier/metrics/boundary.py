"""Error in the band along a mask's edge, where edits bleed, leave a seam or leave the old garment's rim.

    inside     mean |edited − target| over the garment's pixels at most r px from its edge
    outside    the same over the pixels beside the garment; without a target the source is what they should show

The mean absolute error is over channels and pixels, so the garment's size does not matter. A pixel's distance is that
from its centre to the nearest centre on the other side of the edge: 1 for those that touch it.

Legend: B batch, H W pixels. Images are float (B, 3, H, W) in [0, 1], masks (B, 1, H, W) in {0, 1}.
"""

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt

from atelier.metrics.pixel import mean_over

NARROWEST, PER_SIDE = 3, 128  # the band is a 128th of the longer side wide, and 3 px at least


def band_width(height: int, width: int) -> int:
    """Return the band's width r for a size in px."""
    return max(NARROWEST, round(max(height, width) / PER_SIDE))


def bands(mask: torch.Tensor, radius: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the pixels inside and those outside a mask at most `radius` px from its edge, (B, 1, H, W) each."""
    found = []
    for zone in (mask > 0, mask <= 0):
        distances = [_distance(one) for one in zone[:, 0].cpu().numpy()]
        near = zone & torch.from_numpy(np.stack(distances) <= radius)[:, None].to(mask.device)
        found.append(near.to(mask))
    return found[0], found[1]


def _distance(zone: np.ndarray) -> np.ndarray:
    """Return the distance of each pixel of a zone to the nearest outside it, (H, W); infinite if there is none."""
    return np.full(zone.shape, np.inf) if zone.all() else distance_transform_edt(zone)


def boundary_error(
    edited: torch.Tensor,
    mask: torch.Tensor,
    radius: float,
    *,
    source: torch.Tensor,
    target: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean absolute error inside and outside along the mask's edge, (B,) each, in [0, 1].

    NaN if the mask is empty or full; inside also if there is no target.

    Args:
        source: what the outside is compared with if there is no target.
        target: what a perfect edit gives.
    """
    inside, outside = bands(mask, radius)
    error = (edited - (source if target is None else target)).abs()
    scores = mean_over(error, inside), mean_over(error, outside)
    return (torch.full_like(scores[0], torch.nan) if target is None else scores[0]), scores[1]
