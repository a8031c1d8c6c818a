"""Open a source that is a table and stream its raw rows: rendered data, a hub data set, or local parquet files.

Pictures stay encoded, so that a corrupt picture refuses its row and does not stop the run. Only the requested rows and
columns are read, and memory does not grow with the number of rows.
"""

import re
from collections.abc import Iterator, Sequence

from atelier import scenes
from atelier.common.errors import UserError
from atelier.data.schemas.parquet import Choose, choose_from, pick_cells, read_parquet
from atelier.data.schemas.rows import RawRow, Request, Row, exists, local_path

HUB_PREFIX = "hf://"  # says that a name is one of the hub, whatever lies here
NO_PATHS = (*scenes.PREFIXES, HUB_PREFIX)  # what begins so is no local file or folder
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
_FILES = (".parquet", ".json", ".jsonl", ".csv", ".zip", ".tar", ".gz")  # a name with such an ending is a file's


def open_table(request: Request, choose: Choose) -> Iterator[RawRow]:
    """Stream the requested rows of a table, with the columns that `choose` selects.

    Raises:
        UserError: the source does not exist, cannot be read, or lacks a column that `choose` requires.
    """
    if request.where.startswith(scenes.PREFIXES):
        return _render(request, choose)
    if is_local(request.where):
        return read_parquet(local_path(request.where), request.start, choose)
    return _stream_hub(request, choose)


def is_local(where: str) -> bool:
    """Whether a source is a local path rather than a hub name: it is there, or no data set can have that name."""
    if where.startswith(HUB_PREFIX):
        return False
    path = local_path(where)
    named = _HUB_NAME.fullmatch(where) and not where.lower().endswith(_FILES)
    return exists(path) or not named or ("/" in where and exists(path.parent))


def choose_columns(
    have: Sequence[str], *, schema: str, required: Sequence[str], optional: Sequence[str]
) -> dict[str, str]:
    """Select the columns of a published schema, under their own names.

    Raises:
        UserError: a required column is missing.
    """
    missing = [column for column in required if column not in have]
    if missing:
        expected = f"the {schema} schema has {', '.join(required)}; this source has {', '.join(have)}"
        raise UserError(f"no column {missing[0]!r}; {expected}")
    return {column: column for column in (*required, *optional) if column in have}


def _render(request: Request, choose: Choose) -> Iterator[RawRow]:
    where = request.where
    if where not in scenes.SOURCES:
        raise UserError(f"{where}: no such rendered world; one of {', '.join(scenes.SOURCES)}")
    rows = scenes.rows(where, request.rows, request.seed, request.size, start=request.start)
    return _name_rows(rows, where, request.start, choose, where)


def _name_rows(rows: Iterator[Row], table: str, start: int, choose: Choose, where: str) -> Iterator[RawRow]:
    columns = None
    for number, row in enumerate(rows, start):
        columns = columns or choose_from(where, choose, list(row))
        yield pick_cells(row, columns, f"{table} row {number}")


def _stream_hub(request: Request, choose: Choose) -> Iterator[RawRow]:
    """Stream the rows of a hub data set without decoding their pictures."""
    from datasets import Image, IterableDatasetDict, load_dataset  # imports in a second; local sources do not need it

    where = request.where
    name = where.removeprefix(HUB_PREFIX).removeprefix("datasets/")
    try:
        dataset = load_dataset(name, streaming=True)
        split = "train"
        if isinstance(dataset, IterableDatasetDict):
            split = "train" if "train" in dataset else next(iter(dataset))
            dataset = dataset[split]
        for column, feature in (dataset.features or {}).items():
            if isinstance(feature, Image):
                dataset = dataset.cast_column(column, Image(decode=False))
        yield from _name_rows(iter(dataset.skip(request.start)), split, request.start, choose, where)
    except UserError:
        raise
    except Exception as error:  # `datasets` raises about twenty exception types of four libraries
        raise UserError(f"{where}: cannot be read: {' '.join(str(error).split())[:300]}") from None
