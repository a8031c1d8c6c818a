"""DeepFashion2 as published: a folder with `annos/000001.json` … and `image/000001.jpg` …, one annotation a picture.

An annotation has `source`, `pair_id` and `item1`, `item2`, … in any order, each with `category_id` (1 to 13), `style`,
`viewpoint`, `bounding_box` [x1, y1, x2, y2] and `segmentation` (polygons). Pictures with one `pair_id` show one design;
its styles, from 1 on, are colour ways of it, and style 0 says that a garment belongs to no pair. So a garment of a pair
is our item (one split holds all its pictures), a style is a variant, and a picture of style 0 stands in its pair's
split but has no view, so that it is never paired.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from atelier.errors import UserError
from atelier.garments import DEEPFASHION2
from atelier.sources.annotated import Worn, read_annotated
from atelier.sources.decode import PictureFile, RefusedError
from atelier.sources.reading import Found, Made, Place, Request, Row

_VIEWS = {1: "flat", 2: "front", 3: "side"}  # `viewpoint`: not worn, frontal, side or back


def open_source(request: Request) -> Iterator[Found]:
    """The annotations by their names; only names are held in memory.

    Raises:
        UserError: the folder is missing, or is no DeepFashion2.
    """
    root = Path(request.where).expanduser()
    for name in ("annos", "image"):
        if not (root / name).is_dir():
            raise UserError(f"{root}: no folder {name}; a DeepFashion2 split holds annos/*.json and image/*.jpg")
    names = sorted(file.name for file in (root / "annos").iterdir() if _is_annotation(file.name))
    for name in names[request.start : request.rows]:
        picture = PictureFile(root / "image", f"{Path(name).stem}.jpg")
        yield Found(f"annos/{name}", {"annotation": root / "annos" / name, "image": picture})


def name_row(row: Row) -> str:
    """The data set's own name for a row's picture."""
    return row["annotation"].stem


def read_row(row: Row, image_id: str, place: Place) -> Made:
    """One annotation and its picture → an item with its garment's box and mask.

    Raises:
        RefusedError: the annotation or the picture cannot be read, or nothing worn is marked.
    """
    annotation = _read_annotation(row["annotation"])
    pair = annotation.get("pair_id")
    garments = [found for key, found in annotation.items() if key.startswith("item") and isinstance(found, dict)]
    worn = [_read_garment(found, pair) for found in garments if _name_category(found) is not None]
    return read_annotated(row["image"], worn, None, image_id, place)


def _is_annotation(name: str) -> bool:
    return name.endswith(".json") and not name.startswith(".")


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
