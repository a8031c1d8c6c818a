"""More labelled pictures from few: small rotations, zoomed crops, brightness. Never mirrored, because letters would be.

Legend: N pictures, H W pixels, S side of the result. Boxes are x1, y1, x2, y2 in px.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from atelier.appraisal.detection import Labelled
from atelier.seeds import dice

TURN = 8.0  # degrees at most, either way
ZOOM = (0.95, 1.6)
LIGHT = (0.75, 1.2)
_LEAST = 0.85  # of a box's area that a crop must leave in the picture


def enlarge(data: Labelled, side: int) -> Labelled:
    """The same pictures at another side, bicubic."""
    factor = side / data.pictures.shape[-1]
    pictures = F.interpolate(data.pictures, size=(side, side), mode="bicubic").clamp(0, 1)
    return Labelled(pictures, tuple(boxes * factor for boxes in data.boxes))


def augment(data: Labelled, copies: int, side: int, seed: int) -> Labelled:
    """Every picture as it is and `copies` − 1 changed ones, all of side `side`: N · copies pictures.

    A box is that of its four turned corners, cut at the picture's border.
    """
    parts = [enlarge(data, side)]
    for copy in range(1, copies):
        found = [
            _change(data.pictures[n], data.boxes[n], side, dice(seed, "augment", copy, n)) for n in range(len(data))
        ]
        parts.append(Labelled(torch.stack([pixels for pixels, _ in found]), tuple(boxes for _, boxes in found)))
    return Labelled(torch.cat([part.pictures for part in parts]), tuple(box for part in parts for box in part.boxes))


def _change(picture: Tensor, boxes: Tensor, side: int, dice: torch.Generator) -> tuple[Tensor, Tensor]:
    """One picture turned, zoomed, shifted and lit at random; tried again until its boxes stay in it."""

    def draw(low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=dice).item()

    light = draw(*LIGHT)
    for reach in (1.0, 1.0, 0.5, 0.25, 0.0):  # the last neither shifts nor zooms
        angle, zoom = math.radians(draw(-TURN, TURN)), 1 + (draw(*ZOOM) - 1) * reach
        spare = max(zoom - 1, 0.0) / zoom * reach
        shift = torch.tensor([draw(-spare, spare), draw(-spare, spare)])
        inverse = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]) / zoom
        moved, kept = _move(boxes, inverse, shift, picture.shape[-1], side)
        if kept >= _LEAST:
            break
    theta = torch.cat([inverse, shift[:, None]], 1)[None]
    grid = F.affine_grid(theta, [1, 3, side, side], align_corners=False)
    turned = F.grid_sample(picture[None], grid, "bicubic", "border", align_corners=False)[0]
    return (turned * light).clamp(0, 1), moved


def _move(boxes: Tensor, inverse: Tensor, shift: Tensor, before: int, side: int) -> tuple[Tensor, float]:
    """Boxes (n, 4) where the picture's points now are, and the smallest share of one that is left."""
    if not len(boxes):
        return boxes, 1.0
    corners = torch.stack([boxes[:, [0, 1]], boxes[:, [2, 1]], boxes[:, [2, 3]], boxes[:, [0, 3]]], 1)  # (n, 4, 2)
    units = (corners / before * 2 - 1 - shift) @ torch.linalg.inv(inverse).T
    points = (units + 1) / 2 * side
    whole = torch.cat([points.amin(1), points.amax(1)], 1)
    cut = whole.clamp(0, side)
    share = _area(cut) / _area(whole)
    return cut, share.min().item()


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
