"""Rows in Fashionpedia's schema: a picture and the boxes of what is worn; no masks, no captions, no item ids.

The main garment is what is worn on top, else in full, else below (the paper's prompts name tops); of two on one level
the larger one.
"""

from collections.abc import Iterator
from typing import Any

from atelier.garments import CATEGORIES, SLOTS
from atelier.images import to_png
from atelier.instructions import caption, describe
from atelier.records import Item
from atelier.sources.decode import Picture, RefusedError, decode_picture, turn_box
from atelier.sources.fitting import Box, Fit, fit_box, fit_picture, plan_fit
from atelier.sources.reading import Place, Reading, Row, text_of

COLUMNS = ("image_id", "image", "objects")
_RANK = {"upper": 0, "full": 1, "lower": 2}
_NAMES = dict(CATEGORIES)


def read_row(row: Row, place: Place) -> Reading:
    """One row → an item with its garment's box and no mask, or a refusal."""
    image_id = place.image_id(text_of(row, "image_id"))
    try:
        picture = decode_picture(row.get("image"))
        plan = plan_fit(*picture.pixels.size, place.size, place.fit)
        worn = sorted(_worn(row, picture, plan), key=lambda found: (_RANK[SLOTS[found[0]]], -_area(found[1])))
    except RefusedError as refused:
        return Reading(image_id, None, str(refused))
    if not worn:
        return Reading(image_id, None, "no main garment with a usable box")
    garment, box = worn[0]
    item = Item(
        image_id=image_id,
        domain=place.domain,
        split="",
        item_id=image_id,
        person_id=text_of(row, "person_id"),
        variant="",
        pose="",
        view="",
        gender="person",
        garment=garment,
        slot=SLOTS[garment],
        caption=caption("person", [describe(word) for word in dict.fromkeys(word for word, _ in worn)]),
        image=to_png(fit_picture(picture.pixels, plan)),
        mask=None,
        box=box,
        scene=row.get("scene"),
    )
    return Reading(image_id, item, remarks=("no mask",))


def _worn(row: Row, picture: Picture, plan: Fit) -> Iterator[tuple[str, Box]]:
    """The main garments (categories 0 to 12) of which the fitted picture shows something: (our word, box in its px)."""
    frame = (float(row.get("width") or picture.pixels.width), float(row.get("height") or picture.pixels.height))
    for category, corners in _objects(row.get("objects")):
        garment = _garment(category)
        if garment is None:
            continue
        try:
            box = fit_box(turn_box(corners, frame, picture), plan)
        except RefusedError:  # one bad box does not cost the row: another garment may serve
            continue
        if box is not None:
            yield garment, box


def _objects(objects: Any) -> Iterator[tuple[Any, Any]]:
    """(category, bbox) from either layout that `datasets` gives a list of objects: a dict of lists, a list of dicts."""
    if isinstance(objects, dict):
        yield from zip(objects.get("category") or (), objects.get("bbox") or (), strict=False)
    else:
        yield from ((found.get("category"), found.get("bbox")) for found in objects or ())


def _garment(category: Any) -> str | None:
    """Our word for a category, given as its number or its name; None for parts, shoes and accessories."""
    if isinstance(category, str):
        return _NAMES.get(category.strip().lower())
    return CATEGORIES[category][1] if category is not None and 0 <= category < len(CATEGORIES) else None


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
