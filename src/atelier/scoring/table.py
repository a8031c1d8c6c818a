"""Read a CSV file of edits.

Columns: source; edited, or one column per editor, `edited:NAME`; optionally instruction, mask, target, source_caption
and target_caption. Paths are relative to the CSV file's folder. A row or edit that is wrong is refused with a reason,
and the others are kept.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from atelier.common.csv_rows import read_csv
from atelier.common.errors import RefusedError, UserError, row_boundary
from atelier.common.options import check_path
from atelier.common.values import shorten
from atelier.scoring.rows import TEXTS, Listed, Refusal, Row, check_editors, check_text

EDITED, OF_EDITOR = "edited", "edited:"  # columns
FILES = ("mask", "target")


def read_table(file: Path) -> Listed:
    """Read a CSV file.

    Raises:
        UserError: the file cannot be read, has no rows, or does not have the right columns.
    """
    columns, rows = read_csv(file)
    editors = _editors_of(file, columns)
    if not rows:
        raise UserError(f"{file}: contains no rows below its header")
    listed, seen = Listed(list(editors.values())), {}
    for line, values in rows:
        where = f"line {line}"
        try:
            with row_boundary():
                row, lacking = _parse(values, where, file.parent, editors)
                same = (row.source, *row.edits.values(), row.instruction)
                if same in seen:
                    raise RefusedError(f"repeats {seen[same]}")
        except (RefusedError, UserError) as error:
            listed.refused.append(Refusal(where, str(error)))
        else:
            seen[same] = where
            listed.rows.append(row)
            listed.refused.extend(Refusal(where, "no picture is named", name) for name in lacking)
    return listed


def _editors_of(file: Path, columns: Sequence[str]) -> dict[str, str]:
    """Return column → name of each editor."""
    optional = ", ".join((*TEXTS, *FILES))
    expected = f"expected source, edited (or edited:NAME for each editor) and optionally {optional}"
    if "source" not in columns:
        raise UserError(f"{file}: no column 'source'; {expected}")
    editors = {}
    for name in columns:
        if name == EDITED:
            editors[name] = EDITED
        elif name.startswith(OF_EDITOR):
            editors[name] = name.removeprefix(OF_EDITOR)
        elif name not in ("source", *TEXTS, *FILES):
            raise UserError(f"{file}: unknown column {shorten(name)!r}; {expected}")
    return dict(zip(editors, check_editors(list(editors.values()), str(file), expected), strict=True))


def _parse(
    values: Mapping[str | None, str], where: str, folder: Path, editors: Mapping[str, str]
) -> tuple[Row, list[str]]:
    """Return a row, and the editors whose edit it does not name."""
    if None in values:
        raise RefusedError("more values than columns; put quotes around a value that contains a comma")
    given = {name: value.strip() for name, value in values.items()}
    if not given["source"]:
        raise RefusedError("source is empty")
    edits = {name: _path(folder, given[column]) for column, name in editors.items() if given[column]}
    lacking = [name for name in editors.values() if name not in edits]
    if not edits:
        raise RefusedError("no edited picture is named")
    files = {name: _path(folder, given[name]) for name in FILES if given.get(name)}
    texts = {name: check_text(given[name], name) for name in TEXTS if given.get(name)}
    return Row(where, _path(folder, given["source"]), edits, **texts, **files), lacking


def _path(folder: Path, name: str) -> Path:
    path = folder / name
    check_path(path)
    return path
