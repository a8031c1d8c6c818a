"""Pictures in which an annotation marks every garment worn: the main garment becomes the item's.

The main garment is the one worn on the upper body, else the full-body one, else the lower one (the paper's prompts name
tops); among several of one slot, the largest. These data sets have no captions: a caption is made from the garments.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from atelier.common.errors import RefusedError
from atelier.data.schemas.coco_masks import draw_segmentation
from atelier.data.schemas.item import Details, fit_garment, make_item
from atelier.data.schemas.rows import Parsed, RowSpec
from atelier.images.boxes import Box
from atelier.images.decode import decode_picture
from atelier.images.frames import Frame, Picture, fits_frame, lay_mask, settle_frame, turn_box
from atelier.images.letterbox import Fit, fit_box, fit_picture, plan_fit
from atelier.text.garments import SLOTS
from atelier.text.instructions import caption, describe

_RANK = {"upper": 0, "full": 1, "lower": 2}


@dataclass(frozen=True)
class Worn:
    """One annotated garment, in px of the annotation's frame."""

    garment: str  # a key of garments.SLOTS
    box: Any  # [x1, y1, x2, y2], unchecked
    segmentation: Any = None  # polygons or run lengths, unchecked
    item_id: str = ""
    variant: str = ""
    view: str = ""


def read_annotated(value: Any, worn: Iterable[Worn], frame: Frame | None, spec: RowSpec, **known: str | None) -> Parsed:
    """Make an item of a picture and its annotated garments: the main garment's box and, if drawn, its mask.

    Args:
        value: the picture, as `decode_picture` takes it.
        frame: None where the annotation does not give it: the size of the picture as stored.
        known: further fields of `Details`; those of the main garment take precedence.

    Raises:
        RefusedError: the picture cannot be read, the frame has another shape than it (`settle_frame`), or no garment
            is visible in the fitted picture.
    """
    picture = decode_picture(value)
    plan = plan_fit(*picture.pixels.size, spec.size, spec.fit)
    worn = list(worn)
    frame = frame or picture.stored
    if not fits_frame(frame, picture):
        frame = settle_frame(frame, picture, _points(worn))
    shown = sorted(_visible(worn, frame, picture, plan), key=lambda found: _rank(*found))
    if not shown:
        raise RefusedError("no main garment with a usable box")
    main, box = shown[0]
    drawn_in = (round(frame[0]), round(frame[1]))
    mask, remarks = fit_garment(lambda: lay_mask(draw_segmentation(main.segmentation, drawn_in), picture), plan)
    own = {key: getattr(main, key) for key in ("item_id", "variant", "view") if getattr(main, key)}
    text = caption("person", [describe(name) for name in dict.fromkeys(found.garment for found, _ in shown)])
    details = Details(garment=main.garment, caption=text, mask=mask, box=box, **known | own)
    return Parsed(make_item(spec, fit_picture(picture.pixels, plan), details), remarks)


def frame_of(width: Any, height: Any) -> Frame | None:
    """Return the frame that an annotation gives, or None where it gives no valid one."""
    if isinstance(width, bool) or isinstance(height, bool):
        return None
    try:
        frame = float(width), float(height)
    except (TypeError, ValueError, OverflowError):
        return None
    return frame if min(frame) > 0 and max(frame) < float("inf") else None


def _points(worn: Iterable[Worn]) -> np.ndarray:
    """Return the corners of all boxes and polygons that can be read: float (N, 2)."""
    drawn = [found.segmentation for found in worn if isinstance(found.segmentation, list)]
    points = [np.zeros((0, 2))]
    for shape in chain((found.box for found in worn), *drawn):
        try:
            points.append(np.asarray(shape, float).reshape(-1, 2))
        except (TypeError, ValueError, OverflowError):  # refused when it is used
            continue
    together = np.concatenate(points)
    return together[np.isfinite(together).all(axis=1)]


def _visible(worn: Iterable[Worn], frame: Frame, picture: Picture, plan: Fit) -> Iterator[tuple[Worn, Box]]:
    """Yield the garments that are visible in the fitted picture, with their boxes in its px."""
    for found in worn:
        try:
            box = fit_box(turn_box(found.box, frame, picture), plan)
        except RefusedError:  # one invalid box does not refuse the row: another garment may be usable
            continue
        if box is not None:
            yield found, box


def _rank(found: Worn, box: Box) -> tuple[int, float]:
    return _RANK[SLOTS[found.garment]], -(box[2] - box[0]) * (box[3] - box[1])
