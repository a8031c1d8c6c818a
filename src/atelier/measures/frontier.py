"""Edit success against preservation: the best trade-off an editor offers, and the area under it as one number.

Of an edit e of a source s, with the exact target t, the garment's pixels G, and O the pixels outside it that t leaves
as they are:

    success       1 − min(1, RMSE_G(e, t) / RMSE_G(s, t))       0 no nearer to what was asked than the copy … 1 exact
    preservation  1 − min(1, mean_O Δ(e, s) / mean_G |t − s|)   0 the rest changed as the garment was to … 1 untouched

Δ is the change above the floor (`leakage`). The copy stands at (0, 1) and the exact target at (1, 1); an edit that goes
too far inside the garment moves away from t again, one that spills loses preservation, and both are magnitudes, so that
a faint edit in the right direction is no success. Photographs have no t: there success is the directional similarity
(`clip.directional`, what is below 0 counts as 0), and the change asked for is the change made, so that preservation is
1 − min(1, leakage density). The two kinds are never compared.

At P points of guidance an editor has mean successes u_p and preservations v_p. The frontier is the most success that is
to be had while at least so much is preserved, and its area is the hypervolume (Zitzler and Thiele 1998) above (0, 0):

    F(v) = max {u_p : v_p ≥ v}, 0 where there is none         A = ∫₀¹ F(v) dv

A is in [0, 1], higher is better: 0 for the copy, 1 for the exact target. It does not depend on the points' order, a
point that another one beats in both adds nothing, and no point takes anything away.

Legend: B batch, H W pixels. Pictures are float (B, 3, H, W) in [0, 1], masks and maps (B, 1, H, W).
"""

import numpy as np
import torch

from atelier.measures.leakage import GREY_LEVEL, change_map
from atelier.measures.pixel import mean_over


def success(source: torch.Tensor, edited: torch.Tensor, target: torch.Tensor, garment: torch.Tensor) -> torch.Tensor:
    """Share (B,) in [0, 1] of the way from the source to the exact target, inside the garment; higher is better.

    Where the target is the source, only the exact target is a success.
    """
    left = mean_over((edited - target).square(), garment).sqrt()
    asked = mean_over((source - target).square(), garment).sqrt()
    return 1 - (left / asked.clamp_min(torch.finfo(asked.dtype).tiny)).clamp_max(1)


def preservation(change: torch.Tensor, outside: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
    """1 − the change outside as a share of the change asked for, (B,) in [0, 1]; higher is better.

    Args:
        change: Δ per pixel, above the floor.
        outside: where nothing should change.
        asked: mean change (B,) that the garment was to undergo; at least a grey level is reckoned.
    """
    return 1 - (mean_over(change, outside) / asked.clamp_min(GREY_LEVEL)).clamp_max(1)


def asked_change(source: torch.Tensor, target: torch.Tensor, garment: torch.Tensor) -> torch.Tensor:
    """Mean change (B,) of the garment from source to exact target."""
    return mean_over(change_map(source, target), garment)


def untouched(source: torch.Tensor, target: torch.Tensor, garment: torch.Tensor) -> torch.Tensor:
    """The pixels (B, 1, H, W) outside the garment that the exact target leaves as they are.

    The garment's edge is mixed with its surroundings, so that pixels beside an exact mask change rightly.
    """
    return (1 - garment) * (source == target).all(1, keepdim=True)


def area(successes: np.ndarray, preserved: np.ndarray) -> np.ndarray:
    """The area A (…) under the frontier of P points, given as (…, P) each, in [0, 1]; any number of sets at once."""
    order = np.argsort(-preserved, axis=-1, kind="stable")
    best = np.maximum.accumulate(np.take_along_axis(successes, order, -1), axis=-1)
    falling = np.take_along_axis(preserved, order, -1)
    lower = np.concatenate([falling[..., 1:], np.zeros_like(falling[..., :1])], axis=-1)
    return ((falling - lower) * best).sum(-1)
