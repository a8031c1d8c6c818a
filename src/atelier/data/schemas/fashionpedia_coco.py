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

from atelier.common.errors import UserError
from atelier.data.schemas.annotated import Worn, frame_of, read_annotated
from atelier.data.schemas.rows import Parsed, RawRow, Request, Row, RowSpec, text_of
from atelier.images.decode import PictureFile
from atelier.text.garments import garment_of


def open_source(request: Request) -> Iterator[RawRow]:
    """List the images in the order of the file, each with its annotated garments.

    Raises:
        UserError: the file is missing, or not in COCO format.
    """
    file = Path(request.where).expanduser()
    content = _load(file)
    garments = {entry["id"]: garment_of(str(entry["name"])) for entry in content["categories"]}
    worn: dict[Any, list[Worn]] = defaultdict(list)
    for entry in content["annotations"]:
        garment = garments.get(entry.get("category_id"))
        if garment is not None:
            worn[entry.get("image_id")].append(Worn(garment, _corners(entry.get("bbox")), entry.get("segmentation")))
    images, folders = content["images"], list(_picture_folders(file))
    del content  # frees the annotations: only `worn` is still needed
    for image in images[request.start : request.rows]:
        name = text_of(image, "file_name")
        folder = next((folder for folder in folders if (folder / name).is_file()), file.parent)
        found = {**image, "image": PictureFile(folder, name) if name else None, "worn": worn.get(image["id"], [])}
        yield RawRow(f"{file.name} image {image['id']}", found)


def name_row(row: Row) -> str:
    """Return the data set's own name for a row's picture."""
    return text_of(row, "id")


def read_row(row: Row, spec: RowSpec) -> Parsed:
    """Parse an image and its annotations into an item with its main garment's box and mask.

    Raises:
        RefusedError: the picture cannot be read, or no garment is marked.
    """
    frame = frame_of(row.get("width"), row.get("height"))
    return read_annotated(row["image"], row["worn"], frame, spec, item_id=f"image-{row['id']}")


def _load(file: Path) -> dict[str, list[dict[str, Any]]]:
    if not file.is_file():
        raise UserError(f"{file}: no such file; expected annotations in COCO format, such as instances_attributes.json")
    try:
        with file.open("rb") as stream:
            content = json.load(stream, object_hook=_pack)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: not JSON: {error}") from None
    for part, keys in (("images", {"id"}), ("categories", {"id", "name"}), ("annotations", set())):
        entries = content.get(part) if isinstance(content, dict) else None
        if not isinstance(entries, list) or not all(
            isinstance(entry, dict) and keys <= entry.keys() for entry in entries
        ):
            raise UserError(f"{file}: no usable {part!r}; expected COCO's lists images, annotations and categories")
    return content


def _pack(entry: dict[str, Any]) -> dict[str, Any]:
    """Turn the segmentation of a JSON object into NumPy arrays: an eighth of the memory of Python numbers."""
    drawn = entry.get("segmentation")
    try:
        if isinstance(drawn, list):
            return {**entry, "segmentation": [np.asarray(polygon, np.float32) for polygon in drawn]}
        if isinstance(drawn, dict) and isinstance(drawn.get("counts"), list):
            return {**entry, "segmentation": {**drawn, "counts": np.asarray(drawn["counts"], np.int64)}}
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


def _picture_folders(file: Path) -> Iterator[Path]:
    homes = [file.parent, file.parent.parent] if file.parent.name == "annotations" else [file.parent]
    for home in homes:
        yield home
        yield from sorted(folder for folder in home.iterdir() if folder.is_dir())
