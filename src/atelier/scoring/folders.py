"""Pair the pictures of folders by their names."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from atelier.common.csv_rows import CsvRow, read_csv
from atelier.common.errors import RefusedError, UserError
from atelier.common.files import read_plain_text
from atelier.common.listing import is_file, list_files
from atelier.common.notices import notice
from atelier.common.options import LONGEST_TEXT
from atelier.common.values import printable, shorten
from atelier.images.names import EXTENSIONS, is_mask
from atelier.scoring.rows import TEXTS, Listed, Refusal, Row, check_editors, check_text


def read_folders(
    source: Path,
    edited: Mapping[str, Path],
    *,
    instructions: Path | None = None,
    masks: Path | None = None,
    targets: Path | None = None,
) -> Listed:
    """Pair the pictures of folders by their names, below the folders as well; a picture may have another extension.

    Args:
        edited: editor → folder.
        instructions: CSV file with the columns source (the picture's name) and any of TEXTS; None: `NAME.txt` beside
            `NAME.png` is its instruction, if it is there.

    Raises:
        UserError: a folder or the CSV file cannot be read, or the sources hold no picture.
    """
    check_editors(list(edited), "--edited", "expected NAME=FOLDER")
    pictures = {name: path for name, path in _pictures(source).items() if not is_mask(name)}
    if not pictures:
        raise UserError(f"{source}: holds no pictures ({', '.join(EXTENSIONS)})")
    texts = None if instructions is None else _read_instructions(instructions, pictures)
    folders = {name: _pictures(folder) for name, folder in edited.items()}
    further = {name: _pictures(folder) for name, folder in (("mask", masks), ("target", targets)) if folder}
    listed = Listed(list(edited))
    for name, path in pictures.items():
        shown = printable(name)
        try:
            files = {key: found for key, these in further.items() if (found := _find(name, these, pictures))}
            known = _beside(path) if texts is None else texts.get(name, {})
        except (RefusedError, UserError) as error:
            listed.refused.append(Refusal(shown, str(error)))
            continue
        edits = {}
        for editor, these in folders.items():
            try:
                if found := _find(name, these, pictures):
                    edits[editor] = found
                else:
                    raise RefusedError(f"{edited[editor]}: no picture of this name")
            except RefusedError as refused:
                listed.refused.append(Refusal(shown, str(refused), editor))
        if edits:
            listed.rows.append(Row(shown, path, edits, **known, **files))
    _tell_left_over(pictures, folders)
    return listed


def _pictures(folder: Path) -> dict[str, Path]:
    files = list_files(folder).files
    return {file.name: file.path for file in files if PurePosixPath(file.name).suffix.lower() in EXTENSIONS}


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix("")).removesuffix(".mask")


def _find(name: str, among: Mapping[str, Path], sources: Mapping[str, Path]) -> Path | None:
    """Return the picture of a name, or of that name with another extension; None: there is none.

    Raises:
        RefusedError: several fit, or it fits several sources.
    """
    if name in among:
        return among[name]
    stem = _stem(name)
    found = [other for other in among if _stem(other) == stem and other not in sources]
    if len(found) > 1 or (found and sum(_stem(one) == stem for one in sources) > 1):
        raise RefusedError(f"{printable(', '.join(sorted(found)))}: cannot be told apart; name it as the source")
    return among[found[0]] if found else None


def _beside(picture: Path) -> dict[str, str]:
    file = picture.with_suffix(".txt")
    return {"instruction": " ".join(read_plain_text(file, LONGEST_TEXT).split())} if is_file(file) else {}


def _read_instructions(file: Path, pictures: Mapping[str, Path]) -> dict[str, dict[str, str]]:
    columns, rows = read_csv(file)
    if "source" not in columns or not {*columns} <= {"source", *TEXTS}:
        raise UserError(f"{file}: columns {shorten(', '.join(columns))}; expected source and any of {', '.join(TEXTS)}")
    found: dict[str, dict[str, str]] = {}
    for line, values in rows:
        name = values["source"].strip()
        if name in found or None in values:
            what = "a second line for" if name in found else "more values than columns for"
            raise UserError(f"{file}, line {line}: {what} {shorten(name)!r}; expected one, with commas in quotes")
        found[name] = _texts_of((line, values), file)
    unknown = [name for name in found if name not in pictures]
    if unknown:
        notice(f"{file}: {len(unknown)} of {len(found)} names are no source, such as {shorten(unknown[0])!r}")
    return found


def _texts_of(row: CsvRow, file: Path) -> dict[str, str]:
    try:
        return {name: check_text(row[1][name], name) for name in TEXTS if row[1].get(name, "").strip()}
    except RefusedError as refused:
        raise UserError(f"{file}, line {row[0]}: {refused}") from None


def _tell_left_over(pictures: Mapping[str, Path], folders: Mapping[str, Mapping[str, Path]]) -> None:
    stems = {_stem(name) for name in pictures}
    for editor, these in folders.items():
        extra = [name for name in these if _stem(name) not in stems]
        if extra:
            notice(f"{editor}: {len(extra)} pictures have no source of their name, such as {printable(extra[0])}")
