"""Before/after folders: pictures of equal names in `source/` and `target/`, and an instruction for each pair.

Suffixes may differ (`source/a.jpg`, `target/a.png`), and both folders may have folders of equal names inside. They may
also be called `before/` and `after/`, `control/` and `target/`, or as `prepare.columns` says ("source=a,target=b"): the
control and target folders of kohya's scripts, SimpleTuner and ai-toolkit. The instruction of a pair is what metadata
gives, else a `.txt` of the pair's name in `source/`, in `target/` or beside the two (UTF-8; its lines are joined).

Metadata is one `metadata.jsonl` or `metadata.csv`, beside the two folders or in one of them. Each of its lines is then
a pair, and pictures that no line names are left out. A line names the pair (`file_name`) or its two files (`source` and
`target`, relative to the metadata's own folder) and may have `instruction`, `caption` (of the source), `garment`,
`item_id`, `person_id` and `gender`; COLUMNS has the names that other trainers use for these.

A mask of the region to edit is optional and white inside: `source/a.mask.png`, `source/masks/a.png` or `masks/a.png`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from atelier.common.errors import RefusedError, UserError
from atelier.common.listing import FoundFile, Listing, count_kinds, list_files
from atelier.data.schemas.descriptions import TEXT, UNNAMED, mask_beside, read_lines, remark_lines, text_beside
from atelier.data.schemas.rows import Parsed, RawRow, Request, Row, RowSpec, local_folder, picture_beside, text_of
from atelier.data.schemas.tables import NO_PATHS
from atelier.data.schemas.triplets import read_pair
from atelier.images.decode import PictureFile, check_name, decode_mask
from atelier.images.names import EXTENSIONS, MASKS, TABLES, find_metadata, is_mask, is_picture

SIDES = (("source", "target"), ("before", "after"), ("control", "target"))
COLUMNS: dict[str, tuple[str, ...]] = {  # role → names of its column, the first one that has a value counts
    "source": ("source", "source_file_name", "input_image", "input_image_file_name"),
    "target": ("target", "target_file_name", "edited_image", "edited_image_file_name"),
    "instruction": ("instruction", "edit_prompt", "prompt", "text"),
    **{name: (name,) for name in ("file_name", "caption", "garment", "item_id", "person_id", "gender")},
}

Named = Mapping[str, list[FoundFile]]  # name of a pair → the pictures of one side that have it


@dataclass(frozen=True)
class Folders:
    """The two folders of a source: what they are called, and their pictures and masks by the name of the pair."""

    root: Path
    sides: tuple[str, str]
    sources: Named
    targets: Named
    masks: Named


@dataclass(frozen=True)
class Pair:
    """The files of a pair; what its line of metadata gives, by role."""

    name: str
    source: PictureFile
    target: PictureFile
    mask: PictureFile | None
    beside: PictureFile | None  # the name of the pair beside the two folders
    texts: Mapping[str, str]


def open_source(request: Request) -> Iterator[RawRow]:
    """List the pairs by name, or the lines of the metadata; only names are held in memory.

    Raises:
        UserError: the folder or one of the two inside is missing, `columns` does not name two, or there are no
            pictures.
    """
    if request.where.startswith(NO_PATHS):
        raise UserError(f"{request.where}: the schema before_after reads a folder; rendered and hub data are tables")
    root = local_folder(request.where, "pictures of equal names in its folders source and target")
    listing = list_files(root)
    tables = _find_tables(root, listing)
    folders = _find_folders(root, listing, request.columns, described=bool(tables))
    return islice(_list_rows(folders, tables), request.start, None)


def count_left_out(root: Path, columns: str = "") -> Counter[str]:
    """Count the files that belong to no pair, by kind; `columns` as in `Request`."""
    listing = list_files(root)
    tables = [file for file in listing.files if PurePosixPath(file.name).name in TABLES]
    folders = _find_folders(root, listing, columns, described=bool(tables))
    sides = (folders.sources, folders.targets)
    pictures = {file.path for named in sides for files in named.values() for file in files}
    texts = {root / folder / (name + TEXT) for folder in (*folders.sides, "") for named in sides for name in named}
    used = {path for row in _list_rows(folders, tables) for path in _files_of(row.row)} if tables else pictures
    known = pictures | texts | used | {file.path for file in tables}
    counts = count_kinds(file.name for file in listing.files if file.path not in known and not is_mask(file.name))
    counts[UNNAMED] += len(pictures - used)
    return +(counts + listing.skipped)


def name_row(row: Row) -> str:
    """Return the name of the pair; "" if its line has none."""
    return row["name"] if "line" not in row else _name_pair(row["folders"], _read_texts(row["line"]))


def read_row(row: Row, spec: RowSpec) -> Parsed:
    """Parse a pair into an item with its instruction, target and, if there is a usable one, its mask.

    Raises:
        RefusedError: source, target or instruction is missing or cannot be read, or the aspect ratios differ.
    """
    pair = _resolve(row)
    text, remarks = pair.texts["instruction"], ()
    if not text:
        text = _read_instruction(pair)
        remarks = remark_lines(text, "instruction")
    cells = {**pair.texts, "source": pair.source, "target": pair.target, "instruction": text}
    cells["item"] = pair.texts["item_id"] or pair.name
    parsed = read_pair(cells, spec, lambda picture: decode_mask(pair.mask, picture))
    return parsed._replace(remarks=parsed.remarks + remarks)


def _read_instruction(pair: Pair) -> str:
    places = {one for one in (pair.source, pair.target, pair.beside) if one}
    found = [text for text in (text_beside(place, "instruction") for place in places) if text is not None]
    texts = sorted({text for text in found if text})
    if len(texts) > 1:
        raise RefusedError("files with different instructions")
    if not texts:
        raise RefusedError("empty instruction" if found else "no instruction")
    return texts[0]


def _find_tables(root: Path, listing: Listing) -> list[FoundFile]:
    tables = find_metadata(listing, TABLES)
    if len(tables) > 1:
        raise UserError(f"{root}: several metadata files ({', '.join(file.name for file in tables)}); expected one")
    return tables


def name_folders(columns: str) -> tuple[tuple[str, str], ...]:
    """Return the names that the two folders may have: SIDES or, from "source=a,target=b", (("a", "b"),).

    A text that also names an instruction is for the other source, of the schema triplets.

    Raises:
        UserError: the text has another form, or does not name two folders.
    """
    pairs = [tuple(part.strip() for part in pair.split("=", 1)) for pair in columns.split(",") if pair.strip()]
    named = {pair[0]: pair[-1].removesuffix("/") for pair in pairs}
    if not pairs or "instruction" in named:
        return SIDES
    names = {named.get(role, "") for role in ("source", "target")}
    if named.keys() != {"source", "target"} or len(names) != 2 or any("/" in one or not one for one in names):
        expected = "source=FOLDER,target=FOLDER, two folders in prepare.seen"
        raise UserError(f"prepare.columns: {columns!r}; the schema before_after expects {expected}")
    return ((named["source"], named["target"]),)


def _find_folders(root: Path, listing: Listing, columns: str, *, described: bool) -> Folders:
    """Return the two folders; without metadata both must be there, and one of them must have pictures."""
    known = name_folders(columns)
    have = {PurePosixPath(file.name).parts[0] for file in listing.files if "/" in file.name}
    sides = next((sides for sides in known if have.issuperset(sides)), None)
    if sides is None and not described:
        expected = " or ".join(f"{source} and {target}" for source, target in known)
        raise UserError(f"{root}: no folders {expected} with files; it has {', '.join(sorted(have)) or 'no folders'}")
    sides = sides or known[0]
    by_folder: dict[str, dict[str, list[FoundFile]]] = {name: defaultdict(list) for name in (*sides, MASKS)}
    for file in listing.files:
        folder, _, name = file.name.partition("/")
        if is_picture(name) and folder in by_folder:
            by_folder[folder][str(PurePosixPath(name).with_suffix(""))].append(file)
    sources, targets, masks = by_folder.values()
    if not sources and not targets and not described:
        raise UserError(f"{root}: no pictures in {sides[0]} and {sides[1]} ({', '.join(EXTENSIONS)})")
    return Folders(root, sides, sources, targets, masks)


def _list_rows(folders: Folders, tables: list[FoundFile]) -> Iterator[RawRow]:
    for table in tables:
        for line in read_lines(table):
            row = {"folders": folders, "table": table, "line": line.row}
            yield RawRow(f"{table.name} line {line.number}", row, line.problem)
    if not tables:
        for name in sorted({*folders.sources, *folders.targets}):
            first = (folders.sources.get(name) or folders.targets[name])[0]
            yield RawRow(first.name, {"folders": folders, "name": name})


def _files_of(row: Row) -> Iterator[Path]:
    """Yield the source and the target of a pair whose files can be found."""
    try:
        pair = _resolve(row)
    except RefusedError:  # counted as a row
        return
    for picture in (pair.source, pair.target):
        yield picture.folder / picture.name


def _resolve(row: Row) -> Pair:
    """Return the files that a row names.

    Raises:
        RefusedError: a line names no pair, or a picture of it is missing or there twice.
    """
    folders = row["folders"]
    if "line" not in row:
        return _find_pair(folders, row["name"], dict.fromkeys(COLUMNS, ""))
    texts = _read_texts(row["line"])
    name = _name_pair(folders, texts)
    if texts["source"] and texts["target"]:
        source, target = (picture_beside(row["table"], texts[role]) for role in ("source", "target"))
        return Pair(name, source, target, mask_beside(source), None, texts)
    if not texts["file_name"]:
        raise RefusedError("no file_name, and not both source and target")
    return _find_pair(folders, name, texts)


def _read_texts(line: Row) -> dict[str, str]:
    """Return what a line of metadata gives, by role; "" where it gives nothing."""
    return {role: next(filter(None, (text_of(line, name) for name in names)), "") for role, names in COLUMNS.items()}


def _name_pair(folders: Folders, texts: Mapping[str, str]) -> str:
    """Return the name of a line's pair: its path below one of the two folders, without the suffix of a picture."""
    path = PurePosixPath(check_name(texts["file_name"] or texts["source"]))
    if len(path.parts) > 1 and path.parts[0] in folders.sides:
        path = path.relative_to(path.parts[0])
    return str(path.with_suffix("") if path.suffix.lower() in EXTENSIONS else path) if path.name else ""


def _find_pair(folders: Folders, name: str, texts: Mapping[str, str]) -> Pair:
    found = []
    for side, named in zip(("source", "target"), (folders.sources, folders.targets), strict=True):
        files = named.get(name, [])
        if len(files) != 1:
            raise RefusedError(f"{'several pictures' if files else 'no picture'} of that name in {side}")
        found.append(PictureFile(files[0].folder, files[0].inner))
    masks = [PictureFile(file.folder, file.inner) for file in folders.masks.get(name, [])]
    mask = mask_beside(found[0]) or (masks[0] if masks else None)
    return Pair(name, *found, mask, PictureFile(folders.root, f"{name}.txt"), texts)
