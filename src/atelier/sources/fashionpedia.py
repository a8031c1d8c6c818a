"""Rows in Fashionpedia's schema on the hub: a picture and the boxes of what is worn; no masks, captions or item ids."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from atelier.garments import CATEGORIES, garment_of
from atelier.sources.annotated import Worn, frame_of, read_annotated
from atelier.sources.opening import choose_columns, open_table
from atelier.sources.reading import Found, Made, Place, Request, Row, text_of

COLUMNS = ("image_id", "image", "objects")
OPTIONAL = ("width", "height", "scene", "person_id")


def open_source(request: Request) -> Iterator[Found]:
    """A hub data set, or a local parquet file or folder of them."""
    return open_table(request, partial(choose_columns, schema="fashionpedia", required=COLUMNS, optional=OPTIONAL))


def name_row(row: Row) -> str:
    """The data set's own name for a row's picture."""
    return text_of(row, "image_id")


def read_row(row: Row, image_id: str, place: Place) -> Made:
    """One row → an item with its garment's box and no mask.

    Raises:
        RefusedError: no picture that can be read, or no main garment in it.
    """
    worn = (
        Worn(garment, box)
        for category, box in _objects(row.get("objects"))
        if (garment := _name_category(category)) is not None
    )
    frame = frame_of(row.get("width"), row.get("height"))
    known = {"person_id": text_of(row, "person_id"), "scene": row.get("scene")}
    return read_annotated(row.get("image"), worn, frame, image_id, place, **known)


def _objects(objects: Any) -> Iterator[tuple[Any, Any]]:
    """(category, bbox) from either layout that `datasets` gives a list of objects: a dict of lists, a list of dicts."""
    if isinstance(objects, dict):
        yield from zip(objects.get("category") or (), objects.get("bbox") or (), strict=False)
    else:
        yield from ((found.get("category"), found.get("bbox")) for found in objects or ())


def _name_category(category: Any) -> str | None:
    """Our word for a category, given as its number or its name; None for parts, shoes and accessories."""
    if isinstance(category, str):
        return garment_of(category)
    return CATEGORIES[category][1] if category is not None and 0 <= category < len(CATEGORIES) else None
