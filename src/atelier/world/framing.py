"""Show a part of a stored shot, mirrored or not: few shots give many pictures whose masks and boxes stay exact."""

from dataclasses import dataclass

import numpy as np

from atelier.images.boxes import box_of
from atelier.world.render import resize

Array = np.ndarray


@dataclass(frozen=True)
class Framing:
    """A square of a picture, after it was mirrored.

    Attributes:
        mirrored: whether left and right are exchanged.
        left, top: corner of the square, px.
        side: of the square, px; 0: to the nearer edge of the picture.
    """

    mirrored: bool = False
    left: int = 0
    top: int = 0
    side: int = 0

    def show(self, pixels: Array, size: int) -> Array:
        """Return what is seen of uint8 (H, W, k), as (size, size, k)."""
        side = self.side or min(len(pixels) - self.top, pixels.shape[1] - self.left)
        turned = pixels[:, ::-1] if self.mirrored else pixels
        return resize(turned[self.top : self.top + side, self.left : self.left + side], size)

    def show_labels(self, labels: Array, count: int, size: int) -> Array:
        """Return which of `count` labels covers most of each pixel, uint8 (size, size), of uint8 (H, W)."""
        shares = (labels[..., None] == np.arange(count)).astype(np.uint8) * np.uint8(255)
        return self.show(shares, size).argmax(-1).astype(np.uint8)


def sample_framing(rng: np.random.Generator, kept: Array, closest: float) -> Framing:
    """Draw whether a picture is mirrored and, for half of them, a square of it.

    Args:
        kept: what stays in the picture, bool (S, S), not empty; if the square is too small for it, all is shown.
        closest: least side of the square, share of the picture's.
    """
    mirrored, whole, share = bool(rng.random() < 0.5), rng.random() < 0.5, float(rng.uniform(closest, 1))
    side = len(kept)
    shown = round(side * share)
    box = box_of(kept[:, ::-1] if mirrored else kept)
    lowest = [max(0, int(end) - shown) for end in box[2:]]
    highest = [min(side - shown, int(start)) for start in box[:2]]
    if whole or any(low > high for low, high in zip(lowest, highest, strict=True)):
        return Framing(mirrored)
    left, top = (int(rng.integers(low, high + 1)) for low, high in zip(lowest, highest, strict=True))
    return Framing(mirrored, left, top, shown)
