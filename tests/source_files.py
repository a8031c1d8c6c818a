"""Small data sets in exactly the published schemas, one writer a schema, made of pictures given as encoded bytes.

Each writer takes a folder and pictures, writes a data set with one row a picture, and gives what `read_items` is to be
asked for: where, schema, columns. Whatever a schema says beside the picture is good and the same in every row.
"""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import photographs
from datasets import Features, Image, Value
from PIL import Image as Pillow

from atelier.sources import ParsedRow, Request, read_items

WIDTH, HEIGHT = 60, 40  # of BASE
BASE = Pillow.fromarray(
    np.stack(np.broadcast_arrays(np.arange(WIDTH) * 4, (np.arange(HEIGHT) * 6)[:, None], 90), axis=-1).astype(np.uint8)
)  # no two corners alike, so that every turn shows
INSIDE = np.zeros((HEIGHT, WIDTH), bool)
INSIDE[10:30, 5:25] = True
SQUARE = [[5, 10, 25, 10, 25, 30, 5, 30]]  # INSIDE as COCO's polygon

Written = tuple[str, str, str]  # where, schema, columns


def as_bytes(picture: Pillow.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def mask_bytes(inside: np.ndarray = INSIDE) -> bytes:
    return as_bytes(Pillow.fromarray(inside.astype(np.uint8) * 255))


def embed(data: bytes | None) -> dict[str, Any] | None:
    """A picture as `datasets` stores it."""
    return None if data is None else {"bytes": data, "path": None}


def write_deepfashion(folder: Path, pictures: Sequence[bytes], **changes: Any) -> Written:
    row = {"gender": "WOMEN", "pose": "06_1_front", "cloth_type": "Tees_Tanks", "pid": "id_00006121",
           "caption": "a woman in a red t-shirt", "mask": embed(mask_bytes())}  # fmt: skip
    rows = [{**row, "images": embed(data), **changes} for data in pictures]
    return str(photographs.write_deepfashion(folder / "rows.parquet", rows)), "deepfashion", ""


def write_fashionpedia(folder: Path, pictures: Sequence[bytes], **changes: Any) -> Written:
    objects = {"bbox_id": [0], "category": [0], "bbox": [[0.0, 0.0, 60.0, 60.0]], "area": [9]}
    row = {"image_id": 7, "width": None, "height": None, "objects": objects}
    rows = [{**row, "image": embed(data), **changes} for data in pictures]
    return str(photographs.write_fashionpedia(folder / "rows.parquet", rows)), "fashionpedia", ""


def write_fashionpedia_json(folder: Path, pictures: Sequence[bytes], drawn: Any = SQUARE, **changes: Any) -> Written:
    (folder / "train").mkdir()
    for n, data in enumerate(pictures):
        (folder / "train" / f"{n}.jpg").write_bytes(data)
    worn = {"category_id": 0, "bbox": [0, 0, 60, 60], "area": 9, "iscrowd": 0, "segmentation": drawn}
    content = {
        "info": {},
        "licenses": [],
        "images": [{"id": 23 + n, "file_name": f"{n}.jpg", **changes} for n in range(len(pictures))],
        "categories": [{"id": 0, "name": "shirt, blouse"}, {"id": 23, "name": "shoe"}, {"id": 6, "name": "pants"}],
        "annotations": [{"id": n, "image_id": 23 + n, **worn} for n in range(len(pictures))],
    }
    (folder / "instances.json").write_text(json.dumps(content))
    return str(folder / "instances.json"), "fashionpedia_json", ""


def annotate_deepfashion2(*garments: dict[str, Any], pair: Any = 12) -> dict[str, Any]:
    """One picture's annotation. A garment's unsaid parts are those of a frontal short sleeve top of style 1."""
    whole = {"category_name": "short sleeve top", "category_id": 1, "style": 1, "scale": 3, "occlusion": 1,
             "zoom_in": 1, "viewpoint": 2, "bounding_box": [0, 0, 60, 60], "landmarks": [0, 0, 0],
             "segmentation": SQUARE}  # fmt: skip
    items = {f"item{n}": {**whole, **garment} for n, garment in enumerate(garments, start=1)}
    return {"source": "user", "pair_id": pair, **items}


def write_deepfashion2(folder: Path, pictures: Sequence[bytes], *annotations: dict[str, Any]) -> Written:
    annotations = annotations or (annotate_deepfashion2({}),) * len(pictures)
    for part in ("annos", "image"):
        (folder / part).mkdir()
    for n, (data, annotation) in enumerate(zip(pictures, annotations, strict=True), start=1):
        (folder / "image" / f"{n:06d}.jpg").write_bytes(data)
        (folder / "annos" / f"{n:06d}.json").write_text(json.dumps(annotation))
    return str(folder), "deepfashion2", ""


def write_folder(folder: Path, pictures: Sequence[bytes]) -> Written:
    for n, data in enumerate(pictures):
        (folder / f"{n}.png").write_bytes(data)
    return str(folder), "folder", ""


def write_described_folder(folder: Path, pictures: Sequence[bytes], **said: Any) -> Written:
    write_folder(folder, pictures)
    lines = [json.dumps({"file_name": f"{n}.png", **said}) for n in range(len(pictures))]
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return str(folder), "folder", ""


def write_magicbrush(folder: Path, pictures: Sequence[bytes], **changes: Any) -> Written:
    row = {"img_id": "242679", "turn_index": 1, "mask_img": embed(region_bytes()),
           "instruction": "make the shirt red"}  # fmt: skip
    pair = [{"source_img": embed(data), "target_img": embed(data)} for data in pictures]
    rows = [{**row, **both, **changes} for both in pair]
    features = {"img_id": Value("string"), "turn_index": Value("int32"), "source_img": Image(), "mask_img": Image(),
                "instruction": Value("string"), "target_img": Image()}  # fmt: skip
    return write_table(folder / "rows.parquet", rows, features), "triplets", ""


def write_instructpix2pix(folder: Path, pictures: Sequence[bytes], **changes: Any) -> Written:
    """Every picture a target of a good source."""
    row = {"input_image": embed(as_bytes(BASE)), "edit_prompt": "put her in red jeans"}
    rows = [{**row, "edited_image": embed(data), **changes} for data in pictures]
    features = {"input_image": Image(), "edit_prompt": Value("string"), "edited_image": Image()}
    return write_table(folder / "rows.parquet", rows, features), "triplets", ""


def region_bytes(inside: np.ndarray = INSIDE) -> bytes:
    """A mask in MagicBrush's manner: the picture itself, transparent where it is to be edited."""
    pixels = np.asarray(BASE.resize(inside.shape[::-1]))
    return as_bytes(Pillow.fromarray(np.dstack([pixels, np.where(inside, 0, 255).astype(np.uint8)])))


def write_table(path: Path, rows: list[dict[str, Any]], features: dict[str, Any]) -> str:
    return str(photographs.write_rows(path, rows, Features(features)))


WRITERS: dict[str, Callable[..., Written]] = {
    "deepfashion": write_deepfashion, "deepfashion2": write_deepfashion2, "fashionpedia": write_fashionpedia,
    "fashionpedia_json": write_fashionpedia_json, "folder": write_folder, "described folder": write_described_folder,
    "magicbrush": write_magicbrush,
}  # fmt: skip


def read(where: Any, schema: str, columns: str = "", *, rows: int = 100, **options: Any) -> list[ParsedRow]:
    """All readings of a source, at 32 px."""
    options = {"domain": "seen", "size": 32, "fit": "letterbox", "seed": 3} | options
    return list(read_items(Request(str(where), schema, rows=rows, columns=columns, **options)))
