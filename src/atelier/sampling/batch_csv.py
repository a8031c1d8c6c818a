"""A batch of edits as a CSV file: one edit per row, checked before anything is edited.

Columns: image and instruction; optionally mask (auto, none or a file), seed, and output (a name in the output folder).
Paths are relative to the CSV file's folder.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from atelier.common.csv_rows import CsvRow, read_csv
from atelier.common.errors import RefusedError, UserError, row_boundary
from atelier.common.values import shorten
from atelier.images.photo import check_format

REQUIRED, OPTIONAL = ("image", "instruction"), ("mask", "seed", "output")
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class EditRequest:
    """One row: the photo, the instruction, and the file to write."""

    line: int  # in the CSV file, from 1
    image: Path
    instruction: str
    mask: str  # auto, none or a file
    seed: int
    output: Path


@dataclass(frozen=True)
class EditBatch:
    """The valid rows of a CSV file, and the invalid ones: line → reason."""

    requests: list[EditRequest]
    refused: dict[int, str]


def read_batch(file: Path, out_dir: Path, *, mask: str, seed: int) -> EditBatch:
    """Read a CSV file; invalid rows are refused, the others kept.

    Args:
        mask: mask of rows without one.
        seed: seed of rows without one.

    Raises:
        UserError: the file cannot be read, contains no rows, or does not have the right columns.
    """
    rows = _read_rows(file)
    images = {(file.parent / name).resolve() for _, row in rows if _is_name(name := row.get("image", "").strip())}
    requests: list[EditRequest] = []
    refused: dict[int, str] = {}
    taken: dict[Path, int] = dict.fromkeys(images, 0)  # paths that must not be written → line that writes them, or 0
    for number, (line, row) in enumerate(rows, start=1):
        try:
            with row_boundary():
                request = _parse_row(row, line, number, file.parent, out_dir, mask, seed)
                _check_free(request.output, taken)
        except (UserError, RefusedError) as error:
            refused[line] = str(error)
        else:
            taken[request.output.resolve()] = line
            requests.append(request)
    return EditBatch(requests, refused)


def _read_rows(file: Path) -> list[CsvRow]:
    columns, rows = read_csv(file)
    expected = f"expected {', '.join(REQUIRED)} and optionally {', '.join(OPTIONAL)}"
    for name in REQUIRED:
        if name not in columns:
            raise UserError(f"{file}: no column {name!r}; {expected}")
    for name in columns:
        if name not in REQUIRED + OPTIONAL:
            raise UserError(f"{file}: unknown column {shorten(name)!r}; {expected}")
    if not rows:
        raise UserError(f"{file}: contains no rows below its header")
    return rows


def _parse_row(
    row: Mapping[str | None, str], line: int, number: int, folder: Path, out_dir: Path, mask: str, seed: int
) -> EditRequest:
    if None in row:
        raise UserError("more values than columns; put quotes around a value that contains a comma")
    given = dict.fromkeys(OPTIONAL, "") | {name: value.strip() for name, value in row.items()}
    for name in REQUIRED:
        if not given[name]:
            raise UserError(f"{name} is empty")
    for name in ("image", "mask", "output"):
        if not _is_name(given[name]):
            raise UserError(f"{name} {shorten(given[name])!r} cannot be the name of a file; expected at most 255 bytes")
    if given["seed"]:
        if not given["seed"].isdecimal() or len(given["seed"]) > 20 or int(given["seed"]) > MAX_SEED:
            raise UserError(f"seed {shorten(given['seed'])!r} is not a whole number from 0 to {MAX_SEED}")
        seed = int(given["seed"])
    if given["mask"]:
        mask = given["mask"] if given["mask"] in ("auto", "none") else str(folder / given["mask"])
    image = folder / given["image"]
    name = given["output"] or f"{number:04d}-{image.stem}.png"
    output = out_dir / name
    # resolve() follows links, so that a row cannot write outside the folder
    if Path(name).is_absolute() or not output.resolve().is_relative_to(out_dir.resolve()):
        raise UserError(f"output {name!r} is not inside {out_dir}")
    check_format(output)
    return EditRequest(line, image, given["instruction"], mask, seed, output)


def _is_name(name: str) -> bool:
    """Whether a file can have a name: no NUL, and no part of over 255 bytes, which no common file system holds."""
    return "\0" not in name and len(name) < 4096 and all(len(part.encode()) <= 255 for part in name.split("/"))


def _check_free(output: Path, taken: Mapping[Path, int]) -> None:
    line = taken.get(output.resolve())
    if line == 0:
        raise UserError(f"output {output} is also an input image")
    if line is not None:
        raise UserError(f"output {output} is already the output of line {line}")
    if output.is_dir():
        raise UserError(f"output {output} is a folder")
