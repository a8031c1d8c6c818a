"""Where an edit's change landed. The paper claims to reduce what lands outside the garment, and does not measure it.

With Δ = |edited − source| per pixel (mean over channels), bg the pixels outside the garment's mask M:

    leakage share    Σ_bg Δ / Σ Δ              0 all change in the garment … 1 all change outside
    leakage density  mean_bg Δ / mean_M Δ      how hard a background pixel was hit against a garment pixel

An editor must encode and decode, which alone moves every pixel a little: Δ counts above that floor,
Δ = max(|edited − source| − |reconstruction − source|, 0), where a reconstruction is given.

Legend: B batch, H W pixels. Pictures are float (B, 3, H, W) in [0, 1], masks and maps (B, 1, H, W).
"""

import torch

from atelier.measures.pixel import mean_over

GREY_LEVEL = 1 / 255  # a garment that changed less than this counts as changed by this much: keeps the ratio finite


def change_map(source: torch.Tensor, edited: torch.Tensor, floor: torch.Tensor | None = None) -> torch.Tensor:
    """Δ per pixel, (B, 1, H, W), above the floor (B, 1, H, W) where one is given."""
    change = (edited - source).abs().mean(1, keepdim=True)
    return change if floor is None else (change - floor).clamp_min(0)


def leakage_share(change: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Share (B,) of the change that lies outside the mask; 0 where nothing changed at all (nothing leaked)."""
    total = change.sum((1, 2, 3))
    outside = (change * (1 - mask)).sum((1, 2, 3))
    return torch.where(total > 0, outside / total.clamp_min(torch.finfo(change.dtype).tiny), torch.zeros_like(total))


def leakage_density(change: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean change outside over mean change inside the mask, (B,); NaN where a mask is empty or covers everything."""
    inside, outside = (mean_over(change, zone) for zone in (mask, 1 - mask))
    return outside / inside.clamp_min(GREY_LEVEL)


def change_inside(source: torch.Tensor, edited: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """RMS change (B,) of the garment's pixels, 0 nothing … 1 black to white; NaN where the mask is empty.

    Not above the floor: it is there to find edits that did nothing, and those leave at most the floor.
    """
    return mean_over((edited - source).square(), mask).sqrt()


def rms(change: torch.Tensor) -> torch.Tensor:
    """Root mean square (B,) of a change map: how far a no-op instruction moved the picture. Lower is better."""
    return change.square().mean((1, 2, 3)).sqrt()
