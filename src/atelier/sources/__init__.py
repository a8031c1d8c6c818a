"""The data sources: rendered, on the hub or local, all read through the loader of the published schema they follow."""

from collections.abc import Callable, Iterator

from atelier.errors import UserError
from atelier.sources import deepfashion, fashionpedia
from atelier.sources.opening import open_rows
from atelier.sources.reading import Place, Reading, Row

__all__ = ["Reading", "read_items"]

_SCHEMAS: dict[str, tuple[tuple[str, ...], Callable[[Row, Place], Reading]]] = {
    "deepfashion": (deepfashion.COLUMNS, deepfashion.read_row),
    "fashionpedia": (fashionpedia.COLUMNS, fashionpedia.read_row),
}


def read_items(where: str, schema: str, domain: str, rows: int, size: int, fit: str, seed: int) -> Iterator[Reading]:
    """Read at most `rows` rows of a source: each a clean item of side `size`, or the reason why it is refused.

    Args:
        where: world:studio, world:street, a hub name, or a local parquet file or folder.
        schema: deepfashion or fashionpedia, the published schema that the rows follow.
        domain: seen or unseen.
        fit: letterbox or crop.
        seed: of the rendered world.

    Raises:
        UserError: the source cannot be read, has no rows, or lacks a column of the schema.
    """
    columns, read_row = _SCHEMAS[schema]
    number = -1
    for number, row in enumerate(open_rows(where, rows, size, seed)):
        missing = [column for column in columns if column not in row]
        if number == 0 and missing:
            have = f"the {schema} schema has {', '.join(columns)}; this source has {', '.join(row)}"
            raise UserError(f"{where}: no column {missing[0]!r}; {have}")
        yield read_row(row, Place(number, domain, size, fit))
    if number < 0:
        raise UserError(f"{where}: holds no rows; expected pictures in the {schema} schema")
