"""Draw COCO segmentations, polygons or run lengths (RLE), as bool masks.

Own code, as pycocotools 2.0 accepts compressed counts that do not add up to the mask's size and returns uninitialised
memory for them.

Legend: H W pixels of the frame that the annotation was drawn in.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from atelier.images.decode import RefusedError
from atelier.images.tensors import MAX_PIXELS


def draw_segmentation(segmentation: Any, frame: tuple[int, int]) -> np.ndarray:
    """Draw polygons [[x1, y1, x2, y2, …], …] or run lengths {"size": [H, W], "counts": …}: bool (H, W).

    Args:
        frame: (width, height) of the picture that polygons refer to, px; run lengths have their own size.

    Raises:
        RefusedError: the segmentation is missing or malformed.
    """
    if segmentation is None:
        raise RefusedError("no mask")
    try:
        if len(segmentation) == 0:
            raise RefusedError("no mask")
        if isinstance(segmentation, Mapping):
            return _decode_runs(segmentation)
        return draw_polygons([np.asarray(polygon, float).reshape(-1, 2) for polygon in segmentation], frame)
    except RefusedError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        raise RefusedError("unreadable mask") from None


def draw_polygons(polygons: list[np.ndarray], frame: tuple[int, int]) -> np.ndarray:
    """Fill the pixels whose centre is inside any of the polygons, each float (points, 2) of x, y in px."""
    from skimage.draw import polygon as fill

    width, height = frame
    _check_area(width, height)
    inside = np.zeros((height, width), bool)
    for points in polygons:
        if not np.isfinite(points).all():
            raise RefusedError("unreadable mask")
        rows, columns = fill(points[:, 1] - 0.5, points[:, 0] - 0.5, inside.shape)  # the centre of pixel 0 is at 0.5
        inside[rows, columns] = True
    return inside


def _decode_runs(runs: Mapping[str, Any]) -> np.ndarray:
    """Decode COCO run lengths: numbers of pixels outside and inside in turn, column by column, from the top left."""
    height, width = (int(side) for side in runs["size"])
    _check_area(width, height)
    counts = runs["counts"]
    lengths = unpack_counts(counts) if isinstance(counts, str | bytes) else np.asarray(counts, np.int64)
    area = height * width
    # each length by itself: a sum of int64 can wrap round to the right one, and numpy.repeat would overrun its memory
    if lengths.ndim != 1 or not ((lengths >= 0) & (lengths <= area)).all() or lengths.sum() != area:
        raise RefusedError("unreadable mask")
    return np.repeat(np.arange(lengths.size) % 2 == 1, lengths).reshape(width, height).T


def unpack_counts(text: str | bytes) -> np.ndarray:
    """Decompress COCO's counts into run lengths, int64.

    A number is stored in groups of five bits, lowest first, each as the character 48 + group, plus 32 if another group
    follows; bit 16 of the last group is the sign. From the fourth number on, each is the difference to the run two
    positions earlier.
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
