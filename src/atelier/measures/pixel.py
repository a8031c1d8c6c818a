"""Pixel measures of preservation: MSE, PSNR and SSIM between source and edited picture, whole or outside a mask.

Outside a mask, a measure is the mean over the pixels outside: normalised by area, so that the garment's size does not
move it (the public PIE-Bench code leaves the zeroed garment in the mean).

Legend: B batch, H W pixels. Pictures are float (B, 3, H, W) in [0, 1], masks (B, 1, H, W) in {0, 1}.
"""

import torch
import torch.nn.functional as F

# The error of rounding to 8 bits: pictures that differ by less are equal. Without it a copy's PSNR would be infinite.
ROUNDING_MSE = 1 / 255**2 / 12
SSIM_SIGMA, SSIM_RADIUS = 1.5, 5  # Wang et al. 2004: an 11 × 11 Gaussian window
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2


def mean_over(values: torch.Tensor, zone: torch.Tensor) -> torch.Tensor:
    """Mean (B,) of a map (B, C, H, W) over a zone, shares (B, 1, H, W) in [0, 1]; NaN where the zone is empty."""
    shares = zone.expand_as(values)
    return (values * shares).sum((1, 2, 3)) / shares.sum((1, 2, 3))


def mean_outside(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean (B,) of a map (B, C, H, W) over the pixels where the mask is 0; NaN where it covers everything."""
    return mean_over(values, 1 - mask)


def paste_inside(source: torch.Tensor, edited: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The edited picture with the source's pixels back inside the mask: it differs from the source outside only.

    Measures with a neighbourhood (SSIM, LPIPS) are taken of this picture, else a recoloured garment would count as
    damage to the pixels beside it.
    """
    return source * mask + edited * (1 - mask)


def squared_error(source: torch.Tensor, edited: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """MSE (B,), of the pixels outside the mask where one is given."""
    error = (source - edited).square()
    return error.mean((1, 2, 3)) if mask is None else mean_outside(error, mask)


def absolute_error(source: torch.Tensor, edited: torch.Tensor) -> torch.Tensor:
    """Mean absolute error (B,)."""
    return (source - edited).abs().mean((1, 2, 3))


def psnr(source: torch.Tensor, edited: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """PSNR (B,) in dB, of the pixels outside the mask where one is given; at most 58.9, the PSNR of 8-bit rounding."""
    return to_psnr(squared_error(source, edited, mask))


def to_psnr(mse: torch.Tensor) -> torch.Tensor:
    """PSNR in dB of an MSE, at most 58.9."""
    return -10 * mse.clamp_min(ROUNDING_MSE).log10()


def ssim(source: torch.Tensor, edited: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """SSIM (B,) of Wang et al. 2004: Gaussian window, mean over channels and all windows that fit in the picture.

    With a mask: of `paste_inside`'s picture, mean over the windows centred outside the mask.

    Raises:
        ValueError: the picture is smaller than the 11-px window.
    """
    if min(source.shape[-2:]) <= 2 * SSIM_RADIUS:
        raise ValueError(f"SSIM needs pictures over {2 * SSIM_RADIUS} px, got {tuple(source.shape)}")
    if mask is None:
        return ssim_map(source, edited).mean((1, 2, 3))
    return mean_outside(ssim_map(source, paste_inside(source, edited, mask)), at_windows(mask))


def at_windows(zone: torch.Tensor) -> torch.Tensor:
    """A zone (B, 1, H, W) at the centres of SSIM's windows: (B, 1, H − 10, W − 10)."""
    inner = slice(SSIM_RADIUS, -SSIM_RADIUS)
    return zone[..., inner, inner]


def ssim_map(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """SSIM of each window that fits in the picture, (B, 3, H − 10, W − 10)."""
    means = [_blur(x) for x in (first, second)]
    squares = means[0].square(), means[1].square()
    variances = _blur(first.square()) - squares[0], _blur(second.square()) - squares[1]
    covariance = _blur(first * second) - means[0] * means[1]
    luminance = (2 * means[0] * means[1] + SSIM_C1) / (squares[0] + squares[1] + SSIM_C1)
    return luminance * (2 * covariance + SSIM_C2) / (variances[0] + variances[1] + SSIM_C2)


def _blur(images: torch.Tensor) -> torch.Tensor:
    """Gaussian means of all windows that fit in the picture, one channel at a time."""
    offsets = torch.arange(-SSIM_RADIUS, SSIM_RADIUS + 1, dtype=images.dtype, device=images.device)
    window = torch.exp(-offsets.square() / (2 * SSIM_SIGMA**2))
    window = (window / window.sum()).expand(images.shape[1], 1, 1, -1)
    rows = F.conv2d(images, window, groups=images.shape[1])
    return F.conv2d(rows, window.transpose(-1, -2), groups=images.shape[1])
