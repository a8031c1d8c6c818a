"""Frontier of edit success against preservation, and the area under it.

Of an edit e of a source s, with the exact target t, the garment's pixels G, and O the pixels outside it that t leaves
as they are:

    success       1 − min(1, RMSE_G(e, t) / RMSE_G(s, t))       0 no nearer to t than the copy … 1 exact
    preservation  1 − min(1, mean_O Δ(e, s) / mean_G |t − s|)   0 the rest changed like the garment … 1 unchanged

Δ is the change above the floor (`leakage`). The copy is at (0, 1), the exact target at (1, 1). An edit that overshoots
inside the garment loses success, one that spills loses preservation; both are magnitudes, so that a faint edit in the
right direction has little success. Photographs have no t: there success is the directional similarity
(`clip.directional`, clamped at 0), and the requested change is taken to be the change made, so that preservation is
1 − min(1, leakage density). Rendered images and photographs are never compared.

At P guidance points an editor has mean successes u_p and preservations v_p. The frontier is the highest success at a
preservation of at least v, and its area is the hypervolume (Zitzler and Thiele 1998) above (0, 0):

    F(v) = max {u_p : v_p ≥ v}, 0 where there is none         A = ∫₀¹ F(v) dv

A is in [0, 1], higher is better: 0 for the copy, 1 for the exact target. It does not depend on the order of the points;
a dominated point does not change it, and no point decreases it.

Legend: B batch, H W pixels. Images are float (B, 3, H, W) in [0, 1], masks and maps (B, 1, H, W).
"""

import numpy as np
import torch

from atelier.metrics.leakage import GREY_LEVEL, change_map
from atelier.metrics.pixel import mean_over


def success(source: torch.Tensor, edited: torch.Tensor, target: torch.Tensor, garment: torch.Tensor) -> torch.Tensor:
    """Return the share (B,) in [0, 1] of the way from source to exact target, inside the garment; higher is better.

    If the target equals the source, only the exact target is a success.
    """
    left = mean_over((edited - target).square(), garment).sqrt()
    asked = mean_over((source - target).square(), garment).sqrt()
    return 1 - (left / asked.clamp_min(torch.finfo(asked.dtype).tiny)).clamp_max(1)


def preservation(change: torch.Tensor, outside: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
    """Return 1 − the change outside as a share of the requested change, (B,) in [0, 1]; higher is better.

    Args:
        change: Δ per pixel, above the floor.
        outside: where nothing should change.
        asked: requested mean change (B,) of the garment; clamped to at least one grey level.
    """
    return 1 - (mean_over(change, outside) / asked.clamp_min(GREY_LEVEL)).clamp_max(1)


def asked_change(source: torch.Tensor, target: torch.Tensor, garment: torch.Tensor) -> torch.Tensor:
    """Return the mean change (B,) of the garment from source to exact target."""
    return mean_over(change_map(source, target), garment)


def untouched(source: torch.Tensor, target: torch.Tensor, garment: torch.Tensor) -> torch.Tensor:
    """Return the mask (B, 1, H, W) of pixels outside the garment that are equal in source and exact target.

    The garment's edge is anti-aliased, so pixels next to an exact mask change in the exact target too.
    """
    return (1 - garment) * (source == target).all(1, keepdim=True)


def area(successes: np.ndarray, preserved: np.ndarray) -> np.ndarray:
    """Return the area A (…) in [0, 1] under the frontiers of P points, given as (…, P) each."""
    order = np.argsort(-preserved, axis=-1, kind="stable")
    best = np.maximum.accumulate(np.take_along_axis(successes, order, -1), axis=-1)
    falling = np.take_along_axis(preserved, order, -1)
    lower = np.concatenate([falling[..., 1:], np.zeros_like(falling[..., :1])], axis=-1)
    return ((falling - lower) * best).sum(-1)
