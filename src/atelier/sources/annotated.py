"""Pictures of which an annotation marks everything that is worn: the main garment becomes the item's.

The main garment is what is worn on top, else in full, else below (the paper's prompts name tops); of two on one level
the larger one. No such data set has captions: they are made from what is worn.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from atelier.garments import SLOTS
from atelier.instructions import caption, describe
from atelier.sources.decode import Picture, RefusedError, decode_picture, lay_mask, turn_box
from atelier.sources.fitting import Box, Fit, fit_box, fit_picture, plan_fit
from atelier.sources.making import fit_garment, make_item
from atelier.sources.reading import Made, Place
from atelier.sources.segmentation import draw_segmentation

_RANK = {"upper": 0, "full": 1, "lower": 2}

Frame = tuple[float, float]  # width, height that boxes and segmentations are drawn in, px


@dataclass(frozen=True)
class Worn:
    """One garment that an annotation marks, in px of the annotation's frame."""

    garment: str  # our word
    box: Any  # [x1, y1, x2, y2], unchecked
    segmentation: Any = None  # polygons or runs, unchecked
    item_id: str = ""
    variant: str = ""
    view: str = ""


def read_annotated(
    value: Any, worn: Iterable[Worn], frame: Frame | None, image_id: str, place: Place, **known: Any
) -> Made:
    """A picture and what is worn in it → an item with the main garment's box and, where it is drawn, its mask.

    Args:
        value: the picture, as `decode_picture` takes it.
        frame: None where the annotation does not say: the picture as stored.
        known: more that `make_item` takes; what the main garment says goes before it.

    Raises:
        RefusedError: no picture that can be read, or no garment of which the fitted picture shows something.
    """
    picture = decode_picture(value)
    plan = plan_fit(*picture.pixels.size, place.size, place.fit)
    frame = frame or picture.stored
    shown = sorted(_show(worn, frame, picture, plan), key=lambda found: _rank(*found))
    if not shown:
        raise RefusedError("no main garment with a usable box")
    main, box = shown[0]
    drawn_in = (round(frame[0]), round(frame[1]))
    mask, remarks = fit_garment(lambda: lay_mask(draw_segmentation(main.segmentation, drawn_in), picture), plan)
    own = {key: getattr(main, key) for key in ("item_id", "variant", "view") if getattr(main, key)}
    words = caption("person", [describe(word) for word in dict.fromkeys(found.garment for found, _ in shown)])
    known = known | own | {"words": words, "mask": mask, "box": box}
    return Made(make_item(image_id, place, fit_picture(picture.pixels, plan), main.garment, **known), remarks)


def frame_of(width: Any, height: Any) -> Frame | None:
    """The frame that an annotation names, or None where it names none that can be."""
    try:
        frame = float(width), float(height)
    except (TypeError, ValueError):
        return None
    return frame if min(frame) > 0 and max(frame) < float("inf") else None


def _show(worn: Iterable[Worn], frame: Frame, picture: Picture, plan: Fit) -> Iterator[tuple[Worn, Box]]:
    """The garments of which the fitted picture shows something, and their boxes in its px."""
    for found in worn:
        try:
            box = fit_box(turn_box(found.box, frame, picture), plan)
        except RefusedError:  # one bad box does not cost the row: another garment may serve
            continue
        if box is not None:
            yield found, box


def _rank(found: Worn, box: Box) -> tuple[int, float]:
    return _RANK[SLOTS[found.garment]], -(box[2] - box[0]) * (box[3] - box[1])
