"""Data sources (rendered, hub or local), one module per published schema.

Public: `NO_CLOTHES`, `Request`, `ParsedRow`, `count_left_out`, `read_items`.

A schema module has `open_source(request)` → raw rows, `name_row(row)` → the data set's name for a row's picture, and
`read_row(row, spec)` → item and remarks.
"""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from types import ModuleType

from atelier.common.errors import RefusedError, UserError, row_boundary
from atelier.common.iterables import map_in_order
from atelier.common.notices import notice
from atelier.common.values import printable
from atelier.data.schemas import (
    before_after,
    deepfashion,
    deepfashion2,
    fashionpedia,
    fashionpedia_coco,
    image_folder,
    parquet,
    tables,
    triplets,
)
from atelier.data.schemas.rows import NO_CLOTHES, ParsedRow, RawRow, Request, RowSpec, exists, local_path

__all__ = ["NO_CLOTHES", "ParsedRow", "Request", "count_left_out", "read_items"]

_SCHEMAS: dict[str, ModuleType] = {
    "before_after": before_after,
    "deepfashion": deepfashion,
    "deepfashion2": deepfashion2,
    "fashionpedia": fashionpedia,
    "fashionpedia_json": fashionpedia_coco,
    "folder": image_folder,
    "triplets": triplets,
}
_LEFT_OUT = {  # others: tables
    "deepfashion2": deepfashion2.count_left_out,
    "folder": image_folder.count_left_out,
}
MAX_NAME = 4096  # characters of a row's name: what the longest path has
HELD_BYTES = 2**26  # of the cells of rows that are being read, unless a single row is larger


def read_items(request: Request) -> Iterator[ParsedRow]:
    """Read rows of a source in order; each becomes an item with a square picture, or the reason for its refusal.

    Rows are decoded by several threads; the result does not depend on their number, nor on the row at which an earlier
    reading stopped. Only a few rows are in memory at a time.

    Raises:
        UserError: the source cannot be read, has no rows, or lacks a column of the schema.
    """
    module = _SCHEMAS[request.schema]
    rows = islice(module.open_source(request), max(0, request.rows - request.start))
    if request.start == 0 and (left_out := count_left_out(request.where, request.schema, request.columns)):
        kinds, total = ", ".join(f"{kind} {count}" for kind, count in left_out.items()), sum(left_out.values())
        notice(f"{request.where}: {total} {'file' if total == 1 else 'files'} left out: {kinds}")
    empty = True
    numbered = enumerate(rows, request.start)
    for parsed in map_in_order(partial(_read, module, request), numbered, weigh=_size_of, limit=HELD_BYTES):
        empty = False
        yield parsed
    if empty and request.start == 0:
        raise UserError(f"{request.where}: holds no rows; expected pictures in the {request.schema} schema")


def count_left_out(where: str, schema: str, columns: str = "") -> dict[str, int]:
    """Count the files of a local folder that are not read, by kind: {".txt": 2, "broken link": 1}; sorted by kind.

    Args:
        columns: as in `Request`.

    Raises:
        UserError: the folder cannot be read.
    """
    root = local_path(where)
    if where.startswith(tables.NO_PATHS) or not exists(root) or not root.is_dir():
        return {}
    if schema == "before_after":
        return dict(sorted(before_after.count_left_out(root, columns).items()))
    count = _LEFT_OUT.get(schema, parquet.count_left_out)
    return dict(sorted(count(root).items()))


def _size_of(numbered: tuple[int, RawRow]) -> int:
    return numbered[1].size


def _read(module: ModuleType, request: Request, numbered: tuple[int, RawRow]) -> ParsedRow:
    number, raw = numbered
    # the row number keeps ids unique where a data set repeats its names
    image_id = f"{request.domain}-{number:06d}-"
    where = printable(raw.where)
    try:
        with row_boundary():
            if raw.problem:
                raise RefusedError(raw.problem)
            name = module.name_row(raw.row)
            if len(name) > MAX_NAME:
                raise RefusedError(f"id over {MAX_NAME:,} characters")
            image_id += name
            spec = RowSpec(image_id, request.domain, request.size, request.fit, request.only_clothes)
            item, remarks = module.read_row(raw.row, spec)
    except RefusedError as refused:
        return ParsedRow(image_id, None, str(refused), where=where)
    return ParsedRow(image_id, item, remarks=remarks, where=where)
