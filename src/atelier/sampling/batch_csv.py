"""Many edits as a CSV file: one job per row, checked before anything is edited.

Columns: image and instruction; optional mask (auto, none or a file), seed, and output (a name in the output folder).
Paths are relative to the CSV's own folder.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from atelier.common.errors import UserError
from atelier.images.photo import check_format

REQUIRED, OPTIONAL = ("image", "instruction"), ("mask", "seed", "output")
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class EditJob:
    """One row: what to edit, how, and the file to write."""

    line: int  # of the CSV file, from 1
    image: Path
    instruction: str
    mask: str  # auto, none or a file
    seed: int
    output: Path


@dataclass(frozen=True)
class JobList:
    """The jobs of a CSV file, and its bad rows: line → what is wrong."""

    jobs: list[EditJob]
    refused: dict[int, str]


def read_jobs(file: Path, out_dir: Path, *, mask: str, seed: int) -> JobList:
    """Read the jobs; a row that cannot be one is refused, and the others are kept.

    Args:
        mask: of a row that names none.
        seed: of a row that names none.

    Raises:
        UserError: the file cannot be read, holds no rows, or has not the right columns.
    """
    rows = _read_rows(file)
    images = {(file.parent / (row.get("image") or "").strip()).resolve() for _, row in rows}
    jobs: list[EditJob] = []
    refused: dict[int, str] = {}
    taken: dict[Path, int] = dict.fromkeys(images, 0)  # what may not be written, and by which line it is taken
    for number, (line, row) in enumerate(rows, start=1):
        try:
            job = _read_job(row, line, number, file.parent, out_dir, mask, seed)
            _check_free(job.output, taken)
        except UserError as error:
            refused[line] = str(error)
        else:
            taken[job.output.resolve()] = line
            jobs.append(job)
    return JobList(jobs, refused)


def _read_rows(file: Path) -> list[tuple[int, dict[str, str | None]]]:
    """(line, row) of every row that is not blank; values beyond the header stand under None."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or []
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file}: not CSV in UTF-8: {error}") from None
    known = f"expected {', '.join(REQUIRED)} and, where wanted, {', '.join(OPTIONAL)}"
    missing = [name for name in REQUIRED if name not in columns]
    unknown = [name for name in columns if name not in REQUIRED + OPTIONAL]
    if missing:
        raise UserError(f"{file}: no column {missing[0]!r}; {known}")
    if unknown:
        raise UserError(f"{file}: unknown column {unknown[0]!r}; {known}")
    if not rows:
        raise UserError(f"{file}: holds no rows below its header")
    return rows


def _read_job(
    row: Mapping[str, str | None], line: int, number: int, folder: Path, out_dir: Path, mask: str, seed: int
) -> EditJob:
    if None in row:
        raise UserError("more values than columns; put quotes around a value that holds a comma")
    given = {name: (value or "").strip() for name, value in row.items()}
    for name in REQUIRED:
        if not given[name]:
            raise UserError(f"{name} is empty")
    image = folder / given["image"]
    name = given.get("output") or f"{number:04d}-{image.stem}.png"
    return EditJob(
        line=line,
        image=image,
        instruction=given["instruction"],
        mask=_read_mask(given.get("mask"), folder) or mask,
        seed=_read_seed(given["seed"]) if given.get("seed") else seed,
        output=_read_output(name, out_dir),
    )


def _read_mask(text: str | None, folder: Path) -> str | None:
    return text if text in (None, "", "auto", "none") else str(folder / text)


def _read_seed(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_SEED:
        raise UserError(f"seed {text!r} is not a whole number from 0 to {MAX_SEED}")
    return int(text)


def _read_output(name: str, out_dir: Path) -> Path:
    """A name inside the folder, links followed, so that a list cannot write anywhere else."""
    path = out_dir / name
    if Path(name).is_absolute() or not path.resolve().is_relative_to(out_dir.resolve()):
        raise UserError(f"output {name!r} is not inside {out_dir}")
    check_format(path)
    return path


def _check_free(output: Path, taken: Mapping[Path, int]) -> None:
    line = taken.get(output.resolve())
    if line == 0:
        raise UserError(f"output {output} is a picture that is to be edited")
    if line is not None:
        raise UserError(f"output {output} is line {line}'s")
    if output.is_dir():
        raise UserError(f"output {output} is a folder")
