"""Rows in Fashionpedia's hub schema: a picture and the boxes of its garments; no masks, captions or item ids."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from atelier.data.schemas.annotated import Worn, frame_of, read_annotated
from atelier.data.schemas.rows import Parsed, RawRow, Request, Row, RowSpec, text_of
from atelier.data.schemas.tables import choose_columns, open_table
from atelier.text.garments import CATEGORIES, garment_of

COLUMNS = ("image_id", "image", "objects")
OPTIONAL = ("width", "height", "scene", "person_id")


def open_source(request: Request) -> Iterator[RawRow]:
    """Open a hub data set, or a local parquet file or folder of them."""
    return open_table(request, partial(choose_columns, schema="fashionpedia", required=COLUMNS, optional=OPTIONAL))


def name_row(row: Row) -> str:
    """Return the data set's own name for a row's picture."""
    return text_of(row, "image_id")


def read_row(row: Row, spec: RowSpec) -> Parsed:
    """Parse a row into an item with its main garment's box and no mask.

    Raises:
        RefusedError: the picture cannot be read, or no garment is marked.
    """
    worn = (
        Worn(garment, box)
        for category, box in _objects(row.get("objects"))
        if (garment := _name_category(category)) is not None
    )
    frame = frame_of(row.get("width"), row.get("height"))
    person_id, scene = text_of(row, "person_id"), row.get("scene")
    return read_annotated(row.get("image"), worn, frame, spec, person_id=person_id, scene=scene)


def _objects(objects: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (category, bbox) from either layout that `datasets` uses: a dict of lists or a list of dicts."""
    if isinstance(objects, dict):
        yield from zip(objects.get("category") or (), objects.get("bbox") or (), strict=False)
    else:
        yield from ((found.get("category"), found.get("bbox")) for found in objects or ())


def _name_category(category: Any) -> str | None:
    """Return the garment of a category, given by number or name; None for garment parts, shoes and accessories."""
    if isinstance(category, str):
        return garment_of(category)
    return CATEGORIES[category][1] if category is not None and 0 <= category < len(CATEGORIES) else None
