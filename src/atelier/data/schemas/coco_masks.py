"""Draw COCO segmentations, polygons or run lengths (RLE), as bool masks.

Own code, as pycocotools 2.0 accepts compressed counts that do not add up to the mask's size and returns uninitialised
memory for them.

Legend: H W pixels of the frame that the annotation was drawn in.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from atelier.common.errors import RefusedError
from atelier.common.values import MAX_BYTES, is_absent, whole_number
from atelier.images.tensors import MAX_PIXELS

MAX_POINTS = 100_000  # of all polygons of a mask
MAX_COORDINATE = 1e7  # px: far outside of any picture, and exact in the arithmetic of polygons
MAX_WORK = 10**10  # points × pixels of a polygon's bounding box: about ten seconds
MAX_RUNS = 2**21  # run lengths of a mask
MAX_SHIFT = 30  # bits of a run length before its last group: seven groups hold any length
BAND = 2**22  # pixels filled at a time: `fill` takes 16 bytes for each
_UNREADABLE = "unreadable mask"


def draw_segmentation(segmentation: Any, frame: tuple[int, int]) -> np.ndarray:
    """Draw polygons [[x1, y1, x2, y2, …], …] or run lengths {"size": [H, W], "counts": …}: bool (H, W).

    Args:
        frame: (width, height) of the picture that polygons refer to, px; run lengths have their own size.

    Raises:
        RefusedError: the segmentation is missing or malformed.
    """
    if is_absent(segmentation):
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
        raise RefusedError(_UNREADABLE) from None


def draw_polygons(polygons: list[np.ndarray], frame: tuple[int, int]) -> np.ndarray:
    """Fill the pixels whose centre is inside any of the polygons, each float (points, 2) of x, y in px."""
    from skimage.draw import polygon as fill

    width, height = frame
    _check_area(width, height)
    _check_points(polygons, frame)
    inside = np.zeros((height, width), bool)
    band = max(1, BAND // width)
    for points in polygons:
        x, y = points[:, 0] - 0.5, points[:, 1] - 0.5  # the centre of pixel 0 is at 0.5
        for top in range(0, height, band):
            part = inside[top : top + band]
            rows, columns = fill(y - top, x, part.shape)
            part[rows, columns] = True
    return inside


def _check_points(polygons: list[np.ndarray], frame: tuple[int, int]) -> None:
    """Check, before anything is drawn, that the points are in the range of a picture and can be drawn in time."""
    if len(polygons) > MAX_POINTS or sum(map(len, polygons)) > MAX_POINTS:
        raise RefusedError("mask of too many points")
    work = 0.0
    for points in polygons:
        if not (np.abs(points) <= MAX_COORDINATE).all():  # NaN, too
            raise RefusedError(_UNREADABLE)
        if len(points):
            inner = np.clip(points, 0, frame)
            work += len(points) * float(np.prod(inner.max(axis=0) - inner.min(axis=0) + 1))
    if work > MAX_WORK:
        raise RefusedError("mask of too many points")


def _decode_runs(runs: Mapping[str, Any]) -> np.ndarray:
    """Decode COCO run lengths: numbers of pixels outside and inside in turn, column by column, from the top left."""
    height, width = (whole_number(side) or 0 for side in runs["size"])
    _check_area(width, height)
    counts = runs["counts"]
    if len(counts) > (MAX_BYTES if isinstance(counts, str | bytes) else MAX_RUNS):
        raise RefusedError("mask of too many runs")
    # as floats, which do not wrap round: a sum of int64 can be the right one although numpy.repeat overruns its memory
    lengths = np.asarray(unpack_counts(counts) if isinstance(counts, str | bytes) else counts, np.float64)
    area = height * width
    whole = lengths.ndim == 1 and ((lengths >= 0) & (lengths <= area) & (lengths == np.round(lengths))).all()
    if not whole or lengths.sum() != area:
        raise RefusedError(_UNREADABLE)
    return np.repeat(np.arange(lengths.size) % 2 == 1, lengths.astype(np.int64)).reshape(width, height).T


def unpack_counts(text: str | bytes) -> list[int]:
    """Decompress COCO's counts into run lengths.

    A number is stored in groups of five bits, lowest first, each as the character 48 + group, plus 32 if another group
    follows; bit 16 of the last group is the sign. From the fourth number on, each is the difference to the run two
    positions earlier.

    Raises:
        RefusedError: a character is none of these, or a number is larger than any picture.
    """
    lengths: list[int] = []
    value = shift = 0
    for character in text.encode("ascii") if isinstance(text, str) else text:
        group = character - 48
        if not 0 <= group < 64 or shift > MAX_SHIFT:
            raise RefusedError(_UNREADABLE)
        value |= (group & 31) << shift
        shift += 5
        if not group & 32:
            value -= (1 << shift) if group & 16 else 0
            lengths.append(value + lengths[-2] if len(lengths) > 2 else value)
            value = shift = 0
            if abs(lengths[-1]) > MAX_PIXELS:
                raise RefusedError(_UNREADABLE)
    if shift:  # the last number is cut off
        raise RefusedError(_UNREADABLE)
    return lengths


def _check_area(width: int, height: int) -> None:
    if min(width, height) <= 0 or width * height > MAX_PIXELS:
        raise RefusedError(_UNREADABLE)
