"""A batch of edits as a CSV file: one edit per row, checked before anything is edited.

Columns: image and instruction; optionally mask (auto, none or a file), seed, and the names of files to write in the
output folder: output, save_mask (the mask) and overlay (the photo with the mask shown).
Paths are relative to the CSV file's folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from atelier.common.csv_rows import CsvRow, read_csv
from atelier.common.errors import RefusedError, UserError, row_boundary
from atelier.common.values import shorten
from atelier.images.photo import check_format
from atelier.sampling.regions import check_mask_format

REQUIRED, OUTPUTS = ("image", "instruction"), ("output", "save_mask", "overlay")
OPTIONAL = ("mask", "seed", *OUTPUTS)
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
    save_mask: Path | None = None  # file for the mask
    overlay: Path | None = None  # file for the photo with the mask shown

    @property
    def written(self) -> list[Path]:
        """The files that the edit writes."""
        return [path for path in (self.output, self.save_mask, self.overlay) if path]


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
    named = {row.get(column, "").strip() for _, row in rows for column in ("image", "mask")} - {"", "auto", "none"}
    inputs = {(file.parent / name).resolve() for name in named if _is_name(name)}
    requests: list[EditRequest] = []
    refused: dict[int, str] = {}
    taken: dict[Path, int] = dict.fromkeys(inputs, 0)  # paths that must not be written → line that writes them, or 0
    for number, (line, row) in enumerate(rows, start=1):
        try:
            with row_boundary():
                request = _parse_row(row, line, number, file.parent, out_dir, mask, seed)
                _check_free(request.written, taken)
        except (UserError, RefusedError) as error:
            refused[line] = str(error)
        else:
            taken |= {path.resolve(): line for path in request.written}
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
    for name in ("image", "mask", *OUTPUTS):
        if not _is_name(given[name]):
            raise UserError(f"{name} {shorten(given[name])!r} cannot be the name of a file; expected at most 255 bytes")
    if given["seed"]:
        if not given["seed"].isdecimal() or len(given["seed"]) > 20 or int(given["seed"]) > MAX_SEED:
            raise UserError(f"seed {shorten(given['seed'])!r} is not a whole number from 0 to {MAX_SEED}")
        seed = int(given["seed"])
    if given["mask"]:
        mask = given["mask"] if given["mask"] in ("auto", "none") else str(folder / given["mask"])
    image = folder / given["image"]
    names = [given["output"] or f"{number:04d}-{image.stem}.png", given["save_mask"], given["overlay"]]
    output, saved, overlay = (_inside(name, out_dir) if name else None for name in names)
    check_format(output)
    if saved:
        check_mask_format(saved)
    if overlay:
        check_format(overlay)
    if mask == "none" and (saved or overlay):
        raise UserError("save_mask and overlay show a mask, but mask is none")
    return EditRequest(line, image, given["instruction"], mask, seed, output, saved, overlay)


def _inside(name: str, out_dir: Path) -> Path:
    path = out_dir / name
    # resolve() follows links, so that a row cannot write outside the folder
    if Path(name).is_absolute() or not path.resolve().is_relative_to(out_dir.resolve()):
        raise UserError(f"output {name!r} is not inside {out_dir}")
    return path


def _is_name(name: str) -> bool:
    """Whether a file can have a name: no NUL, and no part of over 255 bytes, which no common file system holds."""
    return "\0" not in name and len(name) < 4096 and all(len(part.encode()) <= 255 for part in name.split("/"))


def _check_free(outputs: Sequence[Path], taken: Mapping[Path, int]) -> None:
    for place, output in enumerate(outputs):
        line = taken.get(output.resolve())
        if line == 0:
            raise UserError(f"output {output} is also an input file")
        if line is not None:
            raise UserError(f"output {output} is already the output of line {line}")
        if output.resolve() in [one.resolve() for one in outputs[:place]]:
            raise UserError(f"output {output} is named twice")
        if output.is_dir():
            raise UserError(f"output {output} is a folder")
