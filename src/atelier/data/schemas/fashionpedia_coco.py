"""Fashionpedia as published, or any annotation file in COCO format: one JSON file next to a folder of pictures.

The JSON has `images` (id, file_name, width, height), `categories` (id, name) and `annotations` (image_id, category_id,
`bbox` [x, y, width, height], `segmentation`: polygons or run lengths). The source is the JSON file. A picture is
searched by its file_name in the folder of the JSON, then in each of its subfolders (`images`, `train`, `test`, …); for
a JSON in a folder named `annotations`, also in the parent folder and in each of its subfolders.

The JSON is read once and its polygons are kept as NumPy arrays; pictures are read one at a time.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from atelier.common.errors import RefusedError, UserError
from atelier.common.files import open_plain
from atelier.common.listing import is_file
from atelier.common.values import shorten, whole_number
from atelier.data.schemas.annotated import Worn, frame_of, read_annotated
from atelier.data.schemas.rows import Parsed, RawRow, Request, Row, RowSpec, exists, local_path, not_here, text_of
from atelier.images.decode import PictureFile
from atelier.text.garments import garment_of

Key = int | str | None


def open_source(request: Request) -> Iterator[RawRow]:
    """List the images in the order of the file, each with its annotated garments.

    Raises:
        UserError: the file is missing, or not in COCO format.
    """
    file = local_path(request.where)
    content = _load(file)
    garments = {_key(entry["id"]): _name_category(entry["name"]) for entry in content["categories"]}
    garments.pop(None, None)
    worn: dict[Key, list[Worn]] = defaultdict(list)
    for entry in (entry for entry in content["annotations"] if isinstance(entry, dict)):
        garment = garments.get(_key(entry.get("category_id")))
        if garment is not None:
            box = _corners(entry.get("bbox"))
            worn[_key(entry.get("image_id"))].append(Worn(garment, box, entry.get("segmentation")))
    images, folders, root = content["images"], list(_picture_folders(file)), _homes(file)[-1]
    del content  # frees the annotations: only `worn` is still needed
    for number, image in enumerate(images[request.start : request.rows], request.start):
        if not isinstance(image, dict):
            yield RawRow(f"{file.name} entry {number}", {}, "entry is no JSON object")
            continue
        key = _key(image.get("id"))
        where = f"{file.name} {f'entry {number}' if key is None else f'image {shorten(str(key))}'}"
        try:
            name = text_of(image, "file_name")
        except RefusedError as refused:
            yield RawRow(where, image, str(refused))
            continue
        folder = next((folder for folder in folders if is_file(folder / name)), file.parent)
        found = {**image, "image": PictureFile(folder, name, root) if name else None, "worn": worn.get(key, [])}
        yield RawRow(where, found, "no id" if key is None else "")


def _key(value: Any) -> Key:
    """Return an id: a number (12.0 is 12) or a text; None for anything else, which refers to nothing."""
    return value if isinstance(value, str) else whole_number(value)


def _name_category(name: Any) -> str | None:
    return garment_of(name) if isinstance(name, str) else None


def name_row(row: Row) -> str:
    """Return the data set's own name for a row's picture."""
    return text_of(row, "id")


def read_row(row: Row, spec: RowSpec) -> Parsed:
    """Parse an image and its annotations into an item with its main garment's box and mask.

    Raises:
        RefusedError: the picture cannot be read, or no garment is marked.
    """
    frame = frame_of(row.get("width"), row.get("height"))
    return read_annotated(row["image"], row["worn"], frame, spec, item_id=f"image-{text_of(row, 'id')}")


def _load(file: Path) -> dict[str, list[dict[str, Any]]]:
    if not exists(file):
        raise not_here(file, "file", "annotations in COCO format, such as instances_attributes.json")
    try:
        with open_plain(file) as stream:
            content = json.load(stream, object_hook=_pack)
    except UserError:
        raise
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: not JSON: {error}") from None
    for part in ("images", "categories", "annotations"):
        entries = content.get(part) if isinstance(content, dict) else None
        if not isinstance(entries, list) or (part == "categories" and not all(map(_is_category, entries))):
            raise UserError(f"{file}: no usable {part!r}; expected COCO's lists images, annotations and categories")
    return content


def _is_category(entry: Any) -> bool:
    return isinstance(entry, dict) and {"id", "name"} <= entry.keys()


def _pack(entry: dict[str, Any]) -> dict[str, Any]:
    """Turn the segmentation of a JSON object into NumPy arrays: an eighth of the memory of Python numbers."""
    drawn = entry.get("segmentation")
    try:
        if isinstance(drawn, list):
            with np.errstate(over="ignore"):  # too large for float32: infinite, and refused when it is drawn
                return {**entry, "segmentation": [np.asarray(polygon, np.float32) for polygon in drawn]}
        if isinstance(drawn, dict) and isinstance(drawn.get("counts"), list):
            return {**entry, "segmentation": {**drawn, "counts": np.asarray(drawn["counts"], np.float64)}}
    except (TypeError, ValueError, OverflowError):  # not numeric: the mask is refused later, when it is drawn
        pass
    return entry


def _corners(box: Any) -> list[float] | None:
    """Convert COCO's [x, y, width, height] to [x1, y1, x2, y2]; None where it is not such a box."""
    try:
        x, y, width, height = map(float, box)
    except (TypeError, ValueError, OverflowError):
        return None
    return [x, y, x + width, y + height]


def _homes(file: Path) -> list[Path]:
    return [file.parent, file.parent.parent] if file.parent.name == "annotations" else [file.parent]


def _picture_folders(file: Path) -> Iterator[Path]:
    for home in _homes(file):
        yield home
        yield from sorted(folder for folder in home.iterdir() if folder.is_dir())
