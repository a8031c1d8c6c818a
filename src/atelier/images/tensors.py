"""Convert pictures between PNG, arrays and tensors: the only place where pixels change type or range.

Legend: B batch, C channels, H W pixels. In memory a picture is uint8 (H, W, 3); in tensors float32 (B, 3, H, W) in
[0, 1]; only the models' `encode` and `decode` use the VAE's range [-1, 1].
"""

import io
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

MAX_PIXELS = 64_000_000  # larger pictures are refused before decoding


def to_png(pixels: np.ndarray) -> bytes:
    """Encode uint8 (H, W, 3) or (H, W) as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def from_png(data: bytes) -> np.ndarray:
    """Decode a PNG written by `to_png` to uint8 (H, W, 3) or, for a mask, (H, W)."""
    return np.asarray(Image.open(io.BytesIO(data)))


def to_tensor(pixels: Sequence[np.ndarray] | np.ndarray) -> torch.Tensor:
    """Convert pictures, uint8 (B, H, W, 3), to float32 (B, 3, H, W) in [0, 1]."""
    stacked = np.stack(list(pixels)) if not isinstance(pixels, np.ndarray) else pixels
    return torch.from_numpy(np.ascontiguousarray(stacked)).permute(0, 3, 1, 2).float().div(255)


def to_pixels(tensor: torch.Tensor) -> np.ndarray:
    """Convert float (B, 3, H, W), clipped to [0, 1], to pictures, uint8 (B, H, W, 3)."""
    clipped = tensor.detach().float().clamp(0, 1).mul(255).round().to(torch.uint8)
    return clipped.permute(0, 2, 3, 1).cpu().numpy()


def inside_mask(values: np.ndarray) -> np.ndarray:
    """Threshold a mask, uint8 (…, H, W), to bool of the same shape: True inside."""
    return values >= 128


def mask_pixels(inside: np.ndarray) -> np.ndarray:
    """Convert a mask, bool (H, W), to uint8 (H, W): 255 inside, else 0."""
    return np.where(inside, np.uint8(255), np.uint8(0))


def mask_from_png(data: bytes) -> np.ndarray:
    """Decode a mask PNG to bool (H, W): True inside."""
    return inside_mask(from_png(data))


def mask_to_png(inside: np.ndarray) -> bytes:
    """Encode a mask, bool (H, W), as PNG, L, 255 inside."""
    return to_png(mask_pixels(inside))


def mask_tensor(masks: Sequence[bytes]) -> torch.Tensor:
    """Decode PNG masks to float32 (B, 1, H, W) in {0, 1}."""
    arrays = np.stack([mask_from_png(mask) for mask in masks])
    return torch.from_numpy(arrays).unsqueeze(1).float()
