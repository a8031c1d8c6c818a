"""Leakage: where an edit changed the image. The paper claims less change outside the garment but does not measure it.

With Δ = |edited − source| per pixel (mean over channels), bg the pixels outside the garment's mask M:

    leakage share    Σ_bg Δ / Σ Δ              0 all change in the garment … 1 all change outside
    leakage density  mean_bg Δ / mean_M Δ      change of a background pixel relative to a garment pixel

Encoding and decoding alone change every pixel a little. If a reconstruction is given, Δ is the change above that floor:
Δ = max(|edited − source| − |reconstruction − source|, 0).

Legend: B batch, H W pixels. Images are float (B, 3, H, W) in [0, 1], masks and maps (B, 1, H, W).
"""

import torch

from atelier.metrics.pixel import mean_over

GREY_LEVEL = 1 / 255  # least change of a garment that a ratio divides by: keeps it finite


def change_map(source: torch.Tensor, edited: torch.Tensor, floor: torch.Tensor | None = None) -> torch.Tensor:
    """Return Δ per pixel, (B, 1, H, W), above the floor (B, 1, H, W) if one is given."""
    change = (edited - source).abs().mean(1, keepdim=True)
    return change if floor is None else (change - floor).clamp_min(0)


def leakage_share(change: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the share (B,) of the change outside the mask; 0 if nothing changed at all."""
    total = change.sum((1, 2, 3))
    outside = (change * (1 - mask)).sum((1, 2, 3))
    return torch.where(total > 0, outside / total.clamp_min(torch.finfo(change.dtype).tiny), torch.zeros_like(total))


def leakage_density(change: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return mean change outside over mean change inside the mask, (B,); NaN if the mask is empty or full."""
    inside, outside = (mean_over(change, zone) for zone in (mask, 1 - mask))
    return outside / inside.clamp_min(GREY_LEVEL)


def change_inside(source: torch.Tensor, edited: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the RMS change (B,) of the garment's pixels, 0 none … 1 black to white; NaN if the mask is empty.

    The floor is not subtracted: this finds edits that did nothing, which change at most as much as the floor.
    """
    return mean_over((edited - source).square(), mask).sqrt()


def rms(change: torch.Tensor) -> torch.Tensor:
    """Return the root mean square (B,) of a change map: how much a no-op instruction changed. Lower is better."""
    return change.square().mean((1, 2, 3)).sqrt()


def right_garment(change: torch.Tensor, named: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return 1 if the named garment changed more per pixel than the other, else 0 (also for no change at all), (B,).

    NaN if a mask is empty: there is no second garment then. Needs images of two garments with exact masks.

    Args:
        change: Δ per pixel, (B, 1, H, W), from `change_map`.
        named: mask of the garment that the instruction names, (B, 1, H, W).
        other: mask of the other garment, (B, 1, H, W).
    """
    means = mean_over(change, named), mean_over(change, other)
    right = (means[0] > means[1]).to(change)
    return torch.where(means[0].isnan() | means[1].isnan(), torch.full_like(right, torch.nan), right)
