"""The data sources: rendered, on the hub or local, each read by the module of the published schema that it follows."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from types import ModuleType

from atelier.errors import UserError
from atelier.sources import deepfashion, deepfashion2, fashionpedia, fashionpedia_json, folder, triplets
from atelier.sources.decode import RefusedError
from atelier.sources.parallel import map_in_order
from atelier.sources.reading import Found, Place, Reading, Request

__all__ = ["Reading", "read_items"]

_SCHEMAS: dict[str, ModuleType] = {  # each has open_source, name_row and read_row
    "deepfashion": deepfashion,
    "deepfashion2": deepfashion2,
    "fashionpedia": fashionpedia,
    "fashionpedia_json": fashionpedia_json,
    "folder": folder,
    "triplets": triplets,
}


def read_items(
    where: str,
    schema: str,
    domain: str,
    rows: int,
    size: int,
    fit: str,
    seed: int,
    *,
    columns: str = "",
    start: int = 0,
) -> Iterator[Reading]:
    """Read rows of a source in order: each a clean item of side `size`, or the reason why it is refused.

    Rows are decoded by several threads; what comes out is the same for any number of them, and so is what a second
    reading from a later `start` gives. Only a few rows are in memory at a time.

    Args:
        where: world:studio, world:street, a hub name, or a local file or folder, as the schema's module says.
        schema: deepfashion, deepfashion2, fashionpedia, fashionpedia_json, folder or triplets.
        domain: seen or unseen.
        rows: rows to read at most, those before `start` among them.
        fit: letterbox or crop.
        seed: of the rendered world.
        columns: triplets: which columns hold what; empty for a known data set.
        start: the first row that is read; those before it are skipped, not decoded.

    Raises:
        UserError: the source cannot be read, has no rows, or lacks a column of the schema.
    """
    module = _SCHEMAS[schema]
    source = module.open_source(Request(where, rows, size, seed, columns, start))
    numbered = enumerate(islice(source, max(0, rows - start)), start)
    read = partial(_read, module, domain, size, fit)
    empty = True
    for reading in map_in_order(read, numbered):
        empty = False
        yield reading
    if empty and start == 0:
        raise UserError(f"{where}: holds no rows; expected pictures in the {schema} schema")


def _read(module: ModuleType, domain: str, size: int, fit: str, numbered: tuple[int, Found]) -> Reading:
    number, (where, row) = numbered
    place = Place(number, domain, size, fit)
    image_id = place.image_id(module.name_row(row))
    try:
        item, remarks = module.read_row(row, image_id, place)
    except RefusedError as refused:
        return Reading(image_id, None, str(refused), where=where)
    return Reading(image_id, item, remarks=remarks, where=where)
