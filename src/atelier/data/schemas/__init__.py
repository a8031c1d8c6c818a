"""Data sources (rendered, hub or local), one module per published schema. Public: `Request`, `ParsedRow`, `read_items`.

A schema module has `open_source(request)` → raw rows, `name_row(row)` → the data set's name for a row's picture, and
`read_row(row, spec)` → item and remarks.
"""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from types import ModuleType

from atelier.common.errors import UserError
from atelier.common.iterables import map_in_order
from atelier.data.schemas import deepfashion, deepfashion2, fashionpedia, fashionpedia_coco, image_folder, triplets
from atelier.data.schemas.rows import ParsedRow, RawRow, Request, RowSpec
from atelier.images.decode import RefusedError

__all__ = ["ParsedRow", "Request", "read_items"]

_SCHEMAS: dict[str, ModuleType] = {
    "deepfashion": deepfashion,
    "deepfashion2": deepfashion2,
    "fashionpedia": fashionpedia,
    "fashionpedia_json": fashionpedia_coco,
    "folder": image_folder,
    "triplets": triplets,
}


def read_items(request: Request) -> Iterator[ParsedRow]:
    """Read rows of a source in order; each becomes an item with a square picture, or the reason for its refusal.

    Rows are decoded by several threads; the result does not depend on their number, nor on the row at which an earlier
    reading stopped. Only a few rows are in memory at a time.

    Raises:
        UserError: the source cannot be read, has no rows, or lacks a column of the schema.
    """
    module = _SCHEMAS[request.schema]
    rows = islice(module.open_source(request), max(0, request.rows - request.start))
    empty = True
    for parsed in map_in_order(partial(_read, module, request), enumerate(rows, request.start)):
        empty = False
        yield parsed
    if empty and request.start == 0:
        raise UserError(f"{request.where}: holds no rows; expected pictures in the {request.schema} schema")


def _read(module: ModuleType, request: Request, numbered: tuple[int, RawRow]) -> ParsedRow:
    number, (where, row) = numbered
    # the row number keeps ids unique where a data set repeats its names
    image_id = f"{request.domain}-{number:06d}-{module.name_row(row)}"
    try:
        item, remarks = module.read_row(row, RowSpec(image_id, request.domain, request.size, request.fit))
    except RefusedError as refused:
        return ParsedRow(image_id, None, str(refused), where=where)
    return ParsedRow(image_id, item, remarks=remarks, where=where)
