"""Open a source and give its raw rows: the rendered world, a hub data set, or local parquet files.

Pictures stay encoded ({"bytes": …, "path": …}), so that a corrupt one costs its row and not the run. Rows are streamed:
only what is asked for is read.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from atelier import world
from atelier.errors import UserError
from atelier.sources.reading import Row

WORLD = "world:"
DOMAINS = ("studio", "street")


def open_rows(where: str, rows: int, size: int, seed: int) -> Iterator[Row]:
    """The first `rows` raw rows of a source.

    Raises:
        UserError: there is no such source, or it cannot be read.
    """
    if where.startswith(WORLD):
        domain = where.removeprefix(WORLD)
        if domain not in DOMAINS:
            raise UserError(f"{where}: no such rendered world; one of {', '.join(WORLD + name for name in DOMAINS)}")
        return world.rows(domain, rows, seed, size)
    return islice(_stream(where), rows)


def _stream(where: str) -> Iterator[Row]:
    """Rows of a hub data set or of local files, without decoding their pictures."""
    from datasets import Image  # takes a second to import, and the rendered world does not need it

    try:
        dataset = _load(where)
        for column, feature in (dataset.features or {}).items():
            if isinstance(feature, Image):
                dataset = dataset.cast_column(column, Image(decode=False))
        yield from dataset
    except UserError:
        raise
    except Exception as error:  # `datasets` raises some twenty types, of four libraries, for what it cannot read
        raise UserError(f"{where}: cannot be read: {' '.join(str(error).split())[:300]}") from None


def _load(where: str) -> Any:
    from datasets import IterableDatasetDict, load_dataset

    path = Path(where)
    if path.exists() or path.suffix == ".parquet" or where.startswith((".", "/", "~")):
        return load_dataset("parquet", data_files=_parquet_files(path), split="train", streaming=True)
    dataset = load_dataset(where, streaming=True)
    if isinstance(dataset, IterableDatasetDict):
        return dataset["train" if "train" in dataset else next(iter(dataset))]
    return dataset


def _parquet_files(path: Path) -> list[str]:
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; expected parquet files, world:studio, or a hub name")
    files = [path] if path.is_file() else sorted(path.rglob("*.parquet"))
    if not files:
        raise UserError(f"{path}: holds no parquet files")
    return [str(file) for file in files]
