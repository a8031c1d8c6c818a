"""Logos on cloth: any RGBA picture at a known place and size, which follows folds and curvature.

Only integer tables, sums, products and quotients are used, which give the same bytes on every machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

Array = np.ndarray
_SUB = 4  # samples per pixel side
_WORD = 0.45  # height of a word mark over its width


@dataclass(frozen=True)
class Logo:
    """A picture on one garment.

    Attributes:
        picture: uint8 (h, w, 4), sRGB and coverage.
        layer: number of the garment, from the inside out.
        u, v: where the middle of the picture is on the cloth, m; the picture's top has the larger v.
        width: of the picture on the cloth, m.
    """

    picture: Array = field(repr=False)
    layer: int
    u: float
    v: float
    width: float

    @classmethod
    def fit(cls, picture: Array, frame: Mapping[str, float]) -> "Logo":
        """Fit a picture into the frame of a product's logo, one of the facts of its shot: layer, u, v and width.

        The frame's width is that of a mark as wide as a word; a taller picture is made narrower.
        """
        height, width = picture.shape[:2]
        narrow = min(1.0, (_WORD * width / height) ** 0.5)
        return cls(picture, int(frame["layer"]), frame["u"], frame["v"], narrow * frame["width"])


def place_logo(logo: Logo, places: Array, slopes: Array, step: float, light: Array) -> tuple[Array, Array]:
    """Find what a logo shows in the pixels of a garment.

    Args:
        places: u, v in the middle of P pixels on the cloth, mm, (2, P).
        slopes: change of u, v from pixel to pixel, down and right, mm, (2, 2, P).
        step: mm of cloth per pixel, the median.
        light: light of each sRGB level, float32 (256,).

    Returns:
        Light times coverage, (P, 3), and coverage, (P, 1), each the mean of _SUB² samples of a pixel.
    """
    share = logo.picture[..., 3:].astype(np.float32) / np.float32(255)
    texels = np.concatenate([light[logo.picture[..., :3]] * share, share], axis=-1)
    side = np.float32(1000 * logo.width) / np.float32(texels.shape[1])  # of a texel, mm
    while 2 * _SUB * side <= step and min(texels.shape[:2]) > 1:
        texels, side = _halve(texels), 2 * side
    height, width = texels.shape[:2]
    x = (places[0] - np.float32(1000 * logo.u)) / side + np.float32(width / 2)
    y = np.float32(height / 2) - (places[1] - np.float32(1000 * logo.v)) / side
    (down_x, right_x), (down_y, right_y) = slopes[:, 0] / side, -slopes[:, 1] / side
    reach = np.abs(slopes).sum(0).max(0) / side
    near = np.flatnonzero((x > -reach) & (x < width + reach) & (y > -reach) & (y < height + reach))
    x, y, down_x, right_x, down_y, right_y = (a[near] for a in (x, y, down_x, right_x, down_y, right_y))
    total = np.zeros((len(near), 4), np.float32)
    for down in _OFFSETS:
        for right in _OFFSETS:
            total += _read(texels, x + down * down_x + right * right_x, y + down * down_y + right * right_y)
    found = np.zeros((places.shape[1], 4), np.float32)
    found[near] = total / np.float32(_SUB**2)
    return found[:, :3], found[:, 3:]


_OFFSETS = (np.arange(_SUB, dtype=np.float32) - np.float32((_SUB - 1) / 2)) / np.float32(_SUB)


def _halve(texels: Array) -> Array:
    """Average 2 × 2 texels; an odd last row or column is completed with nothing."""
    height, width = texels.shape[:2]
    texels = np.pad(texels, ((0, height % 2), (0, width % 2), (0, 0)))
    rows = texels[::2] + texels[1::2]
    return (rows[:, ::2] + rows[:, 1::2]) / np.float32(4)


def _read(texels: Array, x: Array, y: Array) -> Array:
    """Interpolate texels (h, w, k) between their middles, at points in texels, (P,); outside there is nothing."""
    height, width = texels.shape[:2]
    framed = np.pad(texels, ((1, 1), (1, 1), (0, 0)))
    x, y = (np.clip(at + np.float32(0.5), 0, side + 1) for at, side in ((x, width), (y, height)))
    left, top = np.minimum(x.astype(np.int32), width), np.minimum(y.astype(np.int32), height)
    right, down = (x - left)[:, None], (y - top)[:, None]
    upper = framed[top, left] * (1 - right) + framed[top, left + 1] * right
    lower = framed[top + 1, left] * (1 - right) + framed[top + 1, left + 1] * right
    return upper * (1 - down) + lower * down
