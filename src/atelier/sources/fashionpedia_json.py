"""Fashionpedia as published, or any annotation file in COCO's manner: one JSON beside a folder of pictures.

The JSON has `images` (id, file_name, width, height), `categories` (id, name) and `annotations` (image_id, category_id,
`bbox` [x, y, width, height], `segmentation`: polygons or runs). The source is the JSON file. A picture is looked for by
its file_name in the JSON's folder, then in each folder in that (`images`, `train`, `test`, …); for a JSON in a folder
named `annotations`, also in the folder above and in each folder in that.

The JSON is read once, its polygons kept as packed numbers; pictures are read as they come.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from atelier.errors import UserError
from atelier.garments import garment_of
from atelier.sources.annotated import Worn, frame_of, read_annotated
from atelier.sources.decode import PictureFile
from atelier.sources.reading import Found, Made, Place, Request, Row, text_of


def open_source(request: Request) -> Iterator[Found]:
    """The images in the order of the file, each with what is worn in it.

    Raises:
        UserError: the file is missing, or is no annotation file in COCO's manner.
    """
    file = Path(request.where).expanduser()
    content = _load(file)
    garments = {one["id"]: garment_of(str(one["name"])) for one in content["categories"]}
    worn: dict[Any, list[Worn]] = defaultdict(list)
    for one in content["annotations"]:
        garment = garments.get(one.get("category_id"))
        if garment is not None:
            worn[one.get("image_id")].append(Worn(garment, _corners(one.get("bbox")), one.get("segmentation")))
    images, folders = content["images"], list(_picture_folders(file))
    del content  # what is worn is all that is still needed of the annotations
    for image in images[request.start : request.rows]:
        name = text_of(image, "file_name")
        folder = next((folder for folder in folders if (folder / name).is_file()), file.parent)
        found = {**image, "image": PictureFile(folder, name) if name else None, "worn": worn.get(image["id"], [])}
        yield Found(f"{file.name} image {image['id']}", found)


def name_row(row: Row) -> str:
    """The data set's own name for a row's picture."""
    return text_of(row, "id")


def read_row(row: Row, image_id: str, place: Place) -> Made:
    """One image and its annotations → an item with its garment's box and mask.

    Raises:
        RefusedError: no picture that can be read, or no main garment in it.
    """
    frame = frame_of(row.get("width"), row.get("height"))
    return read_annotated(row["image"], row["worn"], frame, image_id, place, item_id=f"image-{row['id']}")


def _load(file: Path) -> dict[str, list[dict[str, Any]]]:
    if not file.is_file():
        raise UserError(
            f"{file}: no such file; expected annotations in COCO's manner, such as instances_attributes.json"
        )
    try:
        with file.open("rb") as stream:
            content = json.load(stream, object_hook=_pack)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: is no JSON: {error}") from None
    for part, keys in (("images", {"id"}), ("categories", {"id", "name"}), ("annotations", set())):
        entries = content.get(part) if isinstance(content, dict) else None
        if not isinstance(entries, list) or not all(isinstance(one, dict) and keys <= one.keys() for one in entries):
            raise UserError(f"{file}: no usable {part!r}; expected COCO's lists images, annotations and categories")
    return content


def _pack(entry: dict[str, Any]) -> dict[str, Any]:
    """A JSON object with its segmentation as packed numbers, which take an eighth of the memory of Python's."""
    drawn = entry.get("segmentation")
    try:
        if isinstance(drawn, list):
            return {**entry, "segmentation": [np.asarray(polygon, np.float32) for polygon in drawn]}
        if isinstance(drawn, dict) and isinstance(drawn.get("counts"), list):
            return {**entry, "segmentation": {**drawn, "counts": np.asarray(drawn["counts"], np.int64)}}
    except (TypeError, ValueError, OverflowError):  # no numbers: the mask is refused when its turn comes
        pass
    return entry


def _corners(box: Any) -> list[float] | None:
    """COCO's [x, y, width, height] → [x1, y1, x2, y2]; None where it is no such thing."""
    try:
        x, y, width, height = map(float, box)
    except (TypeError, ValueError):
        return None
    return [x, y, x + width, y + height]


def _picture_folders(file: Path) -> Iterator[Path]:
    homes = [file.parent, file.parent.parent] if file.parent.name == "annotations" else [file.parent]
    for home in homes:
        yield home
        yield from sorted(folder for folder in home.iterdir() if folder.is_dir())
