"""Rows in Fashionpedia's hub schema: a picture and the boxes of its garments; no masks, captions or item ids."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from atelier.common.errors import RefusedError
from atelier.common.values import is_absent, whole_number
from atelier.data.schemas.annotated import Worn, frame_of, read_annotated
from atelier.data.schemas.item import scene_of
from atelier.data.schemas.rows import Parsed, RawRow, Request, Row, RowSpec, remark_lists, text_of
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
    scene, unknown = scene_of(row)
    item, remarks = read_annotated(
        row.get("image"), worn, frame, spec, person_id=text_of(row, "person_id"), scene=scene
    )
    return Parsed(item, remarks + unknown + remark_lists(row, ("image_id", "person_id")))


def _objects(objects: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (category, bbox) from either layout that `datasets` uses: a dict of lists or a list of dicts."""
    if isinstance(objects, dict):
        columns = [objects.get(name) or () for name in ("category", "bbox")]
        if not all(isinstance(column, Sequence) and not isinstance(column, str | bytes) for column in columns):
            raise RefusedError("unreadable objects")
        yield from zip(*columns, strict=False)
    elif isinstance(objects, list | tuple):
        yield from ((one.get("category"), one.get("bbox")) for one in objects if isinstance(one, dict))
    elif not is_absent(objects):
        raise RefusedError("unreadable objects")


def _name_category(category: Any) -> str | None:
    """Return the garment of a category, given by number or name; None for garment parts, shoes and accessories."""
    if isinstance(category, str):
        return garment_of(category)
    number = whole_number(category)
    return CATEGORIES[number][1] if number is not None and 0 <= number < len(CATEGORIES) else None
