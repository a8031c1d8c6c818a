"""Average precision of a detector of one class at a given overlap, as Pascal VOC has it since 2010.

Detections of all pictures in falling order of confidence; one is right where it overlaps a box of its picture that no
more certain one has taken. Precision is made to fall with recall, and the area below it is the average precision; of
several classes the mean would be taken (mAP), here there is one.

Legend: N pictures, n boxes and K detections of a picture. Boxes are x1, y1, x2, y2 in px.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor
from torchvision.ops import box_iou


def average_precision(found: Sequence[Mapping[str, Tensor]], wanted: Sequence[Tensor], overlap: float = 0.5) -> float:
    """In [0, 1], of N pictures' detections (`boxes` (K, 4), `scores` (K,)) and true boxes (n, 4).

    Args:
        overlap: intersection over union that a detection must reach.

    Raises:
        ValueError: there is not a detection list for each picture, or not one true box.
    """
    total = sum(len(boxes) for boxes in wanted)
    if len(found) != len(wanted) or not total:
        raise ValueError(f"{len(found)} pictures' detections for {len(wanted)} pictures with {total} boxes")
    scores, hits = [], []
    for picture, boxes in zip(found, wanted, strict=True):
        order = picture["scores"].argsort(descending=True, stable=True)
        scores.extend(picture["scores"][order].tolist())
        hits.extend(_match(picture["boxes"][order], boxes, overlap))
    ranked = np.asarray(hits, float)[np.argsort(-np.asarray(scores), kind="stable")]
    right = np.cumsum(ranked)
    recall, precision = right / total, right / np.arange(1, len(ranked) + 1)
    best_after = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * best_after).sum())


def _match(boxes: Tensor, wanted: Tensor, overlap: float) -> list[bool]:
    """Which of K detections, the most certain first, take a true box that is still free."""
    free, hits = [True] * len(wanted), []
    overlaps = box_iou(boxes, wanted).tolist()
    for row in overlaps:
        best = max(range(len(row)), key=row.__getitem__, default=None)
        right = best is not None and row[best] >= overlap and free[best]
        if right:
            free[best] = False
        hits.append(right)
    return hits
