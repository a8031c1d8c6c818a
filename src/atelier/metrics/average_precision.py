"""Average precision of a one-class detector at a given overlap, by the definition of Pascal VOC since 2010.

Detections of all images are sorted by descending score; one is correct if it overlaps a box of its image that no
detection of higher score has matched. Average precision is the area under the precision-recall curve after precision is
made non-increasing. torchmetrics (by pycocotools) samples that curve at 101 recalls instead, which gives other values.

Legend: N images, n boxes and K detections of an image. Boxes are x1, y1, x2, y2 in px.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor
from torchvision.ops import box_iou


def average_precision(found: Sequence[Mapping[str, Tensor]], wanted: Sequence[Tensor], overlap: float = 0.5) -> float:
    """Return average precision in [0, 1].

    Args:
        found: detections of each image: `boxes` (K, 4) and `scores` (K,).
        wanted: true boxes of each image, (n, 4).
        overlap: intersection over union that a correct detection reaches.

    Raises:
        ValueError: `found` and `wanted` differ in length, or there is no true box.
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
    """Return which of K detections, in descending order of score, match a true box that is still free."""
    free, hits = [True] * len(wanted), []
    overlaps = box_iou(boxes, wanted).tolist()
    for row in overlaps:
        best = max(range(len(row)), key=row.__getitem__, default=None)
        right = best is not None and row[best] >= overlap and free[best]
        if right:
            free[best] = False
        hits.append(right)
    return hits
