"""Pixel metrics: MSE, MAE, PSNR and SSIM between two images, and the mean of a map over a region.

A metric of a region is the mean over the region's pixels, so it does not depend on the region's size (the public
PIE-Bench code leaves the zeroed garment in the mean).

SSIM is computed here: `regions` needs the map per window, torchmetrics' takes six times as long (its window is not
separated), and it differs in the sixth decimal, which reports show.

Legend: B batch, H W pixels. Images are float (B, 3, H, W) in [0, 1], masks (B, 1, H, W) in {0, 1}.
"""

import torch
import torch.nn.functional as F

ROUNDING_MSE = 1 / 255**2 / 12  # error of rounding to 8 bits; bounds the PSNR of equal images to 58.9 dB
SSIM_SIGMA, SSIM_RADIUS = 1.5, 5  # Wang et al. 2004: an 11 × 11 Gaussian window
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2


def mean_over(values: torch.Tensor, zone: torch.Tensor) -> torch.Tensor:
    """Return the mean (B,) of a map (B, C, H, W) weighted by a zone (B, 1, H, W) in [0, 1]; NaN if it is empty."""
    shares = zone.expand_as(values)
    return (values * shares).sum((1, 2, 3)) / shares.sum((1, 2, 3))


def paste_inside(source: torch.Tensor, edited: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the edited image with the source's pixels inside the mask: it differs from the source outside only.

    Metrics with a neighbourhood (SSIM, LPIPS) are computed on this image; otherwise a recoloured garment would count as
    damage to the pixels beside it.
    """
    return source * mask + edited * (1 - mask)


def squared_error(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the MSE (B,)."""
    return (first - second).square().mean((1, 2, 3))


def absolute_error(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the mean absolute error (B,)."""
    return (first - second).abs().mean((1, 2, 3))


def psnr(mse: torch.Tensor) -> torch.Tensor:
    """Return the PSNR in dB of an MSE, at most 58.9: the error of 8-bit rounding counts as equality."""
    return -10 * mse.clamp_min(ROUNDING_MSE).log10()


def ssim(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the SSIM (B,) of Wang et al. 2004: mean over channels and all windows that fit in the image.

    Raises:
        ValueError: the image is smaller than the 11-px window.
    """
    if min(first.shape[-2:]) <= 2 * SSIM_RADIUS:
        raise ValueError(f"SSIM needs pictures over {2 * SSIM_RADIUS} px, got {tuple(first.shape)}")
    return ssim_map(first, second).mean((1, 2, 3))


def at_windows(zone: torch.Tensor) -> torch.Tensor:
    """Crop a zone (B, 1, H, W) to the centres of SSIM's windows: (B, 1, H − 10, W − 10)."""
    inner = slice(SSIM_RADIUS, -SSIM_RADIUS)
    return zone[..., inner, inner]


def ssim_map(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the SSIM of each window that fits in the image, (B, 3, H − 10, W − 10)."""
    means = [_blur(x) for x in (first, second)]
    squares = means[0].square(), means[1].square()
    variances = _blur(first.square()) - squares[0], _blur(second.square()) - squares[1]
    covariance = _blur(first * second) - means[0] * means[1]
    luminance = (2 * means[0] * means[1] + SSIM_C1) / (squares[0] + squares[1] + SSIM_C1)
    return luminance * (2 * covariance + SSIM_C2) / (variances[0] + variances[1] + SSIM_C2)


def _blur(images: torch.Tensor) -> torch.Tensor:
    """Return the Gaussian mean of each window that fits in the image, per channel."""
    offsets = torch.arange(-SSIM_RADIUS, SSIM_RADIUS + 1, dtype=images.dtype, device=images.device)
    window = torch.exp(-offsets.square() / (2 * SSIM_SIGMA**2))
    window = (window / window.sum()).expand(images.shape[1], 1, 1, -1)
    rows = F.conv2d(images, window, groups=images.shape[1])
    return F.conv2d(rows, window.transpose(-1, -2), groups=images.shape[1])
