"""DeepFashion2 as published: a folder with `annos/000001.json` … and `image/000001.jpg` …, one annotation per picture.

An annotation has `source`, `pair_id` and `item1`, `item2`, … in any order, each with `category_id` (1 to 13), `style`,
`viewpoint`, `bounding_box` [x1, y1, x2, y2] and `segmentation` (polygons). Pictures with the same `pair_id` show one
design; its styles, from 1 on, are its colour variants, and style 0 marks a garment that belongs to no pair. A garment
of a pair becomes an item (all its pictures get the same split) and a style a variant. A picture of style 0 goes into
the split of its pair but has no view, so that no same-item pair is made of it.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atelier.common.errors import RefusedError, UserError
from atelier.common.files import open_plain
from atelier.common.listing import FoundFile, count_kinds, list_files
from atelier.common.values import whole_number
from atelier.data.schemas.annotated import Worn, read_annotated
from atelier.data.schemas.rows import Parsed, RawRow, Request, Row, RowSpec, exists, local_path, not_here
from atelier.images.decode import PictureFile
from atelier.text.garments import DEEPFASHION2

MAX_ANNOTATION = 2**24  # largest annotation file, bytes
_VIEWS = {1: "flat", 2: "front", 3: "side"}  # `viewpoint`: not worn, frontal, side or back


def open_source(request: Request) -> Iterator[RawRow]:
    """List the annotations by file name; only names are held in memory.

    Raises:
        UserError: the folder is missing, or has not the layout of DeepFashion2.
    """
    root = local_path(request.where)
    if not exists(root):
        raise not_here(root, "folder", "a DeepFashion2 split")
    for name in ("annos", "image"):
        if not (root / name).is_dir():
            raise UserError(f"{root}: no folder {name}; a DeepFashion2 split holds annos/*.json and image/*.jpg")
    for name in _list_annotations(root)[request.start : request.rows]:
        picture = PictureFile(root / "image", f"{Path(name).stem}.jpg", root)
        yield RawRow(f"annos/{name}", {"annotation": root / "annos" / name, "image": picture})


def count_left_out(root: Path) -> Counter[str]:
    """Count the files beside the annotations, and the pictures without one, by kind."""
    if not all((root / name).is_dir() for name in ("annos", "image")):
        return Counter()
    annotated = {f"{Path(name).stem}.jpg" for name in _list_annotations(root)}
    others, pictures = (list_files(root / name, below=False) for name in ("annos", "image"))
    names = [file.name for file in others.files if not file.name.endswith(".json")]
    names += [file.name for file in pictures.files if file.name not in annotated]
    return count_kinds(names) + others.skipped + pictures.skipped


def name_row(row: Row) -> str:
    """Return the data set's own name for a row's picture."""
    return row["annotation"].stem


def read_row(row: Row, spec: RowSpec) -> Parsed:
    """Parse an annotation and its picture into an item with its main garment's box and mask.

    Raises:
        RefusedError: the annotation or the picture cannot be read, or no garment is marked.
    """
    annotation = _read_annotation(row["annotation"])
    pair = annotation.get("pair_id")
    garments = [found for key, found in annotation.items() if key.startswith("item") and isinstance(found, dict)]
    worn = [_read_garment(found, pair) for found in garments if _name_category(found) is not None]
    return read_annotated(row["image"], worn, None, spec)


def _list_annotations(root: Path) -> list[str]:
    return sorted(file.name for file in (root / "annos").glob("[!.]*.json"))


def _read_annotation(file: Path) -> dict[str, Any]:
    if FoundFile(file.name, file.parent, file.name).leads_out:
        raise RefusedError("name leads out of its folder")
    try:
        with open_plain(file, MAX_ANNOTATION) as stream:
            annotation = json.loads(stream.read())
    except (OSError, ValueError, RecursionError):  # a UserError of this one file included
        raise RefusedError("unreadable annotation") from None
    if not isinstance(annotation, dict):
        raise RefusedError("unreadable annotation")
    return annotation


def _name_category(found: dict[str, Any]) -> str | None:
    return DEEPFASHION2.get(whole_number(found.get("category_id")))


def _read_garment(found: dict[str, Any], pair: Any) -> Worn:
    garment, pair = _name_category(found), whole_number(pair)
    style, viewpoint = whole_number(found.get("style")), whole_number(found.get("viewpoint"))
    paired = pair is not None and style is not None and style > 0
    return Worn(
        garment=garment,
        box=found.get("bounding_box"),
        segmentation=found.get("segmentation"),
        item_id=f"{pair:06d}-{garment}" if pair is not None else "",
        variant=str(style) if paired else "",
        view=_VIEWS.get(viewpoint, "") if paired else "",
    )
