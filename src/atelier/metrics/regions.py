"""Preservation by region: MSE, PSNR, SSIM and LPIPS outside the garment and in each zone of the trimap.

    outside      pixels that are not of the garment
    tight        the trimap's garment: a change is wanted here, so the metrics say how much changed, not how bad it is
    context      the scaled box without the garment
    background   the rest

Each is a mean over its region's pixels, so it does not depend on the region's size. SSIM and LPIPS, which have a
neighbourhood, are computed on the image with the source's garment pasted back (`pixel.paste_inside`), except in
`tight`, where they are computed on the edited image.

Legend: B batch, H W pixels. Images are float (B, 3, H, W) in [0, 1], zones (B, 1, H, W) in [0, 1].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from atelier.masks.trimap import TrimapZones
from atelier.metrics import pixel
from atelier.metrics.lpips import PerceptualDistance, distance_map, layers_beside
from atelier.metrics.registry import metric

REGIONS = ("outside", "tight", "context", "background")


@dataclass(frozen=True)
class Comparison:
    """Maps between an image and its source; regions are averaged over them."""

    error: torch.Tensor  # squared, (B, 3, H, W)
    ssim: torch.Tensor  # (B, 3, H − 10, W − 10), of the whole image
    ssim_outside: torch.Tensor  # the source's garment pasted back
    differences: list[torch.Tensor]  # LPIPS per layer, of the whole image
    lpips_outside: torch.Tensor  # (B, 1, H, W), the source's garment pasted back


def compare(
    source: torch.Tensor,
    edited: torch.Tensor,
    garment: torch.Tensor,
    lpips: PerceptualDistance,
    layers: Sequence[torch.Tensor],
    edited_layers: Sequence[torch.Tensor],
) -> Comparison:
    """Compute all maps between an image and its source.

    Args:
        garment: mask that is pasted back, (B, 1, H, W).
        layers: the source's `lpips.features`.
        edited_layers: the edited image's.
    """
    pasted = pixel.paste_inside(source, edited, garment)
    outside = lpips.differences(layers, layers_beside(pasted, lpips, source, layers))
    return Comparison(
        error=(edited - source).square(),
        ssim=pixel.ssim_map(source, edited),
        ssim_outside=pixel.ssim_map(source, pasted),
        differences=lpips.differences(layers, edited_layers),
        lpips_outside=distance_map(outside, tuple(source.shape[-2:])),
    )


def region_masks(garment: torch.Tensor, zones: TrimapZones) -> dict[str, torch.Tensor]:
    """Return region → zone (B, 1, H, W). The garment (exact mask if known) is removed from context and background."""
    rest = 1 - garment
    parts = (rest, zones.tight, zones.context * rest, zones.background * rest)
    return dict(zip(REGIONS, parts, strict=True))


def measure_regions(maps: Comparison, masks: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return `mse_outside`, …, `lpips_background`: (B,) each, NaN if the region is empty.

    MSE is in [0, 1]; PSNR in dB, at most 58.9; SSIM in [-1, 1]; LPIPS from 0 up.
    """
    size = tuple(maps.error.shape[-2:])
    scores = {}
    for region, mask in masks.items():
        inside = region == "tight"
        similar = maps.ssim if inside else maps.ssim_outside
        distant = distance_map(maps.differences, size) if inside else maps.lpips_outside
        scores[f"mse_{region}"] = pixel.mean_over(maps.error, mask)
        scores[f"psnr_{region}"] = pixel.psnr(scores[f"mse_{region}"])
        scores[f"ssim_{region}"] = pixel.mean_over(similar, pixel.at_windows(mask))
        scores[f"lpips_{region}"] = pixel.mean_over(distant, mask)
    return scores


def above_floor(scores: Mapping[str, torch.Tensor], floors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return by how much each score is worse than encoding and decoding alone: `…_above_floor`, ≥ 0, lower is better.

    Args:
        scores: of `measure_regions`.
        floors: the same scores of the source's reconstruction by the editor's autoencoder.
    """
    worse = {name: metric(name).better * (floor - scores[name]) for name, floor in floors.items()}
    return {f"{name}_above_floor": values.clamp_min(0) for name, values in worse.items()}
