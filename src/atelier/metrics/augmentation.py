"""Augmentation of labelled images for the detector: small rotations, zoom, shift, brightness; no mirroring.

Legend: N images, H W pixels, S side of the result. Boxes are x1, y1, x2, y2 in px.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import box_area

from atelier.common.rng import make_generator
from atelier.metrics.detector import Labelled

TURN = 8.0  # largest rotation in degrees, either way
ZOOM = (0.95, 1.6)
LIGHT = (0.75, 1.2)
LEAST_VISIBLE = 0.85  # share of a box's area that a crop must keep


def enlarge(data: Labelled, side: int) -> Labelled:
    """Resize the images, bicubically, and their boxes."""
    factor = side / data.pictures.shape[-1]
    pictures = F.interpolate(data.pictures, size=(side, side), mode="bicubic").clamp(0, 1)
    return Labelled(pictures, tuple(boxes * factor for boxes in data.boxes))


def augment(data: Labelled, copies: int, side: int, seed: int) -> Labelled:
    """Return every image and `copies` − 1 augmented ones, N · copies in all, of side `side`.

    Augmentation rotates a little, zooms, shifts and changes the brightness; it does not mirror, as letters would be. A
    box encloses its four transformed corners and is clipped to the image.
    """
    parts = [enlarge(data, side)]
    for copy in range(1, copies):
        found = [
            _change(data.pictures[n], data.boxes[n], side, make_generator(seed, "augment", copy, n))
            for n in range(len(data))
        ]
        parts.append(Labelled(torch.stack([pixels for pixels, _ in found]), tuple(boxes for _, boxes in found)))
    return Labelled(torch.cat([part.pictures for part in parts]), tuple(box for part in parts for box in part.boxes))


def _change(picture: Tensor, boxes: Tensor, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Augment one image; try again, with less zoom and shift, until its boxes stay visible."""

    def draw(low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=generator).item()

    light = draw(*LIGHT)
    for reach in (1.0, 1.0, 0.5, 0.25, 0.0):  # the last one does not shift or zoom
        angle, zoom = math.radians(draw(-TURN, TURN)), 1 + (draw(*ZOOM) - 1) * reach
        spare = max(zoom - 1, 0.0) / zoom * reach
        shift = torch.tensor([draw(-spare, spare), draw(-spare, spare)])
        inverse = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]) / zoom
        moved, kept = _move(boxes, inverse, shift, picture.shape[-1], side)
        if kept >= LEAST_VISIBLE:
            break
    theta = torch.cat([inverse, shift[:, None]], 1)[None]
    grid = F.affine_grid(theta, [1, 3, side, side], align_corners=False)
    turned = F.grid_sample(picture[None], grid, "bicubic", "border", align_corners=False)[0]
    return (turned * light).clamp(0, 1), moved


def _move(boxes: Tensor, inverse: Tensor, shift: Tensor, before: int, side: int) -> tuple[Tensor, float]:
    """Return the transformed boxes (n, 4) and the smallest share of a box that stays in the image."""
    if not len(boxes):
        return boxes, 1.0
    corners = torch.stack([boxes[:, [0, 1]], boxes[:, [2, 1]], boxes[:, [2, 3]], boxes[:, [0, 3]]], 1)  # (n, 4, 2)
    units = (corners / before * 2 - 1 - shift) @ torch.linalg.inv(inverse).T
    points = (units + 1) / 2 * side
    moved = torch.cat([points.amin(1), points.amax(1)], 1)
    clipped = moved.clamp(0, side)
    return clipped, (box_area(clipped) / box_area(moved)).min().item()
