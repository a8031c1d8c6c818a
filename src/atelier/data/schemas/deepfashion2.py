"""DeepFashion2 as published: a folder with `annos/000001.json` … and `image/000001.jpg` …, one annotation per picture.

An annotation has `source`, `pair_id` and `item1`, `item2`, … in any order, each with `category_id` (1 to 13), `style`,
`viewpoint`, `bounding_box` [x1, y1, x2, y2] and `segmentation` (polygons). Pictures with the same `pair_id` show one
design; its styles, from 1 on, are its colour variants, and style 0 marks a garment that belongs to no pair. A garment
of a pair becomes an item (all its pictures get the same split) and a style a variant. A picture of style 0 goes into
the split of its pair but has no view, so that no same-item pair is made of it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atelier.common.errors import UserError
from atelier.data.schemas.annotated import Worn, read_annotated
from atelier.data.schemas.rows import Parsed, RawRow, Request, Row, RowSpec
from atelier.images.decode import PictureFile, RefusedError
from atelier.text.garments import DEEPFASHION2

_VIEWS = {1: "flat", 2: "front", 3: "side"}  # `viewpoint`: not worn, frontal, side or back


def open_source(request: Request) -> Iterator[RawRow]:
    """List the annotations by file name; only names are held in memory.

    Raises:
        UserError: the folder is missing, or has not the layout of DeepFashion2.
    """
    root = Path(request.where).expanduser()
    for name in ("annos", "image"):
        if not (root / name).is_dir():
            raise UserError(f"{root}: no folder {name}; a DeepFashion2 split holds annos/*.json and image/*.jpg")
    names = sorted(file.name for file in (root / "annos").glob("[!.]*.json"))
    for name in names[request.start : request.rows]:
        picture = PictureFile(root / "image", f"{Path(name).stem}.jpg")
        yield RawRow(f"annos/{name}", {"annotation": root / "annos" / name, "image": picture})


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


def _read_annotation(file: Path) -> dict[str, Any]:
    try:
        annotation = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise RefusedError("unreadable annotation") from None
    if not isinstance(annotation, dict):
        raise RefusedError("unreadable annotation")
    return annotation


def _name_category(found: dict[str, Any]) -> str | None:
    category = found.get("category_id")
    return DEEPFASHION2.get(category) if isinstance(category, int) else None


def _read_garment(found: dict[str, Any], pair: Any) -> Worn:
    garment, style, viewpoint = _name_category(found), found.get("style"), found.get("viewpoint")
    paired = isinstance(pair, int) and isinstance(style, int) and style > 0
    return Worn(
        garment=garment,
        box=found.get("bounding_box"),
        segmentation=found.get("segmentation"),
        item_id=f"{pair:06d}-{garment}" if isinstance(pair, int) else "",
        variant=str(style) if paired else "",
        view=_VIEWS.get(viewpoint, "") if paired and isinstance(viewpoint, int) else "",
    )
