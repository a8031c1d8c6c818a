"""Garments as annotation files draw them, in COCO's manner → bool masks: polygons, or runs of pixels (RLE).

Legend: H W pixels of the frame that the annotation was drawn in.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from atelier.images.decode import RefusedError
from atelier.images.tensors import MAX_PIXELS


def draw_segmentation(segmentation: Any, frame: tuple[int, int]) -> np.ndarray:
    """A list of polygons [[x1, y1, x2, y2, …], …], or runs {"size": [H, W], "counts": …} → bool (H, W).

    Args:
        frame: (width, height) of the picture that polygons were drawn on, px; runs bring their own.

    Raises:
        RefusedError: there is none, or it is none that can be drawn.
    """
    if segmentation is None:
        raise RefusedError("no mask")
    try:
        if len(segmentation) == 0:
            raise RefusedError("no mask")
        if isinstance(segmentation, Mapping):
            return _lay_runs(segmentation)
        return draw_polygons([np.asarray(polygon, float).reshape(-1, 2) for polygon in segmentation], frame)
    except RefusedError:
        raise
    except (KeyError, TypeError, ValueError, IndexError):
        raise RefusedError("unreadable mask") from None


def draw_polygons(polygons: list[np.ndarray], frame: tuple[int, int]) -> np.ndarray:
    """All pixels of the frame whose centre is inside one of the polygons, each float (points, 2) of x, y in px."""
    from skimage.draw import polygon as fill

    width, height = frame
    _check_area(width, height)
    inside = np.zeros((height, width), bool)
    for points in polygons:
        if not np.isfinite(points).all():
            raise RefusedError("unreadable mask")
        rows, columns = fill(points[:, 1] - 0.5, points[:, 0] - 0.5, inside.shape)  # pixel 0 has its centre at 0.5
        inside[rows, columns] = True
    return inside


def _lay_runs(runs: Mapping) -> np.ndarray:
    """COCO's run lengths: pixels outside and inside by turns, column after column, from the top left."""
    height, width = (int(side) for side in runs["size"])
    _check_area(width, height)
    counts = runs["counts"]
    lengths = unpack_counts(counts) if isinstance(counts, str | bytes) else np.asarray(counts, np.int64)
    if lengths.ndim != 1 or (lengths < 0).any() or lengths.sum() != height * width:
        raise RefusedError("unreadable mask")
    return np.repeat(np.arange(lengths.size) % 2 == 1, lengths).reshape(width, height).T


def unpack_counts(text: str | bytes) -> np.ndarray:
    """COCO's compressed counts → run lengths, int64.

    A number is written in groups of five bits, the lowest first, each as the character 48 + group, plus 32 where
    another group follows; the last group's bit 16 is the sign. From the fourth on, a number is the difference to the
    run before the last.
    """
    lengths: list[int] = []
    value = shift = 0
    for character in text.encode("ascii") if isinstance(text, str) else text:
        group = character - 48
        value |= (group & 31) << shift
        shift += 5
        if not group & 32:
            value -= (1 << shift) if group & 16 else 0
            lengths.append(value + lengths[-2] if len(lengths) > 2 else value)
            value = shift = 0
    return np.asarray(lengths, np.int64)


def _check_area(width: int, height: int) -> None:
    if not 0 < width * height <= MAX_PIXELS:
        raise RefusedError("unreadable mask")
