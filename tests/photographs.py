"""Real photographs as data sets: what ships inside scikit-image and matplotlib, in the two published schemas.

`write_seen` gives a parquet file in the schema of deepFashion-with-masks: each photograph an item, its "garment" an
ellipse in the picture, its colour ways tinted through that mask. `write_unseen` gives one in Fashionpedia's. Between
them the rows hold what real data sets hold: landscape, portrait and square, grey and JPEG, an item stored lying on its
side with an EXIF orientation, masks in every common mode, a row without one, one with an empty one, a corrupt picture.
"""

import io
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import skimage
from datasets import Dataset, Features, Image, Sequence, Value
from PIL import Image as Pillow

SIDE = 256  # longest side of what is written, px
SKIMAGE = Path(skimage.__file__).parent / "data"
HOPPER = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
SEEN = {  # item → (photograph, cloth_type, what captions call it, centre and half axes of its garment as shares)
    "id_00000001": (SKIMAGE / "astronaut.png", "Jackets_Coats", "jacket", (0.42, 0.80, 0.36, 0.19)),
    "id_00000002": (HOPPER, "Jackets_Coats", "blazer", (0.5, 0.8, 0.4, 0.2)),
    "id_00000003": (SKIMAGE / "ihc.png", "Tees_Tanks", "tank top", (0.5, 0.5, 0.3, 0.3)),
    "id_00000004": (SKIMAGE / "retina.jpg", "Sweaters", "sweater", (0.5, 0.5, 0.3, 0.3)),
    "id_00000005": (SKIMAGE / "hubble_deep_field.jpg", "Blouses_Shirts", "blouse", (0.4, 0.5, 0.25, 0.35)),
    "id_00000006": (SKIMAGE / "motorcycle_left.png", "Cardigans", "cardigan", (0.5, 0.5, 0.3, 0.3)),
    "id_00000007": (SKIMAGE / "brick.png", "Graphic_Tees", "t-shirt", (0.5, 0.4, 0.3, 0.3)),
    "id_00000008": (SKIMAGE / "gravel.png", "Shirts_Polos", "shirt", (0.5, 0.6, 0.3, 0.3)),
}
UNSEEN = ("coffee.png", "chelsea.png", "rocket.jpg")
TINTS = {"01": (None, "plain"), "02": ((0.45, 1.0, 0.5), "green"), "03": ((0.75, 0.5, 1.0), "purple")}  # variant → tint
SIDEWAYS = "id_00000006"  # this item's pictures are stored lying on their side


def _ellipse(size: tuple[int, int], shape: tuple[float, float, float, float]) -> np.ndarray:
    (width, height), (x, y, rx, ry) = size, shape
    columns, rows = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    return ((columns[None] - x) / rx) ** 2 + ((rows[:, None] - y) / ry) ** 2 <= 1


def _tinted(picture: Pillow.Image, mask: np.ndarray, tint: tuple[float, ...] | None) -> Pillow.Image:
    if tint is None:
        return picture
    pixels = np.asarray(picture.convert("RGB")).astype(float)
    pixels[mask] *= tint
    return Pillow.fromarray(pixels.astype(np.uint8))


def encode(picture: Pillow.Image, kind: str = "PNG", orientation: int = 1) -> dict[str, Any]:
    """A picture as `datasets` stores it; with an orientation, JPEG that has to be turned to be looked at."""
    buffer = io.BytesIO()
    if orientation != 1:
        exif = Pillow.Exif()
        exif[0x0112] = orientation
        picture.save(buffer, "JPEG", quality=95, exif=exif)
    else:
        picture.save(buffer, kind)
    return {"bytes": buffer.getvalue(), "path": None}


def _masked(mask: np.ndarray, number: int) -> Pillow.Image:
    """The same mask in one of the modes that data sets use."""
    whole = Pillow.fromarray(mask.astype(np.uint8) * 255)
    return [whole, whole.convert("RGB"), Pillow.fromarray(mask.astype(np.uint8)), whole.convert("1")][number % 4]


@cache
def seen_rows() -> list[dict[str, Any]]:
    """24 good rows: 8 items in 3 colour ways, the first of them without a mask and the fourth with an empty one; and
    a corrupt one at the end."""
    rows = []
    for number, (pid, (file, cloth_type, word, shape)) in enumerate(SEEN.items()):
        with Pillow.open(file) as opened:
            picture = opened.copy()
        picture.thumbnail((SIDE, SIDE))  # tests have no use for a megapixel
        mask = _ellipse(picture.size, shape)
        for shot, (variant, (tint, colour)) in enumerate(TINTS.items(), start=1):
            whole, small = _tinted(picture, mask, tint), _masked(mask, number + shot)
            if pid == SIDEWAYS:
                whole, small = (layer.transpose(Pillow.Transpose.ROTATE_90) for layer in (whole, small))
            row = {
                "images": encode(whole, orientation=6 if pid == SIDEWAYS else 1),
                "gender": "WOMEN" if number % 2 == 0 else "MEN",
                "pose": f"{variant}_1_front",
                "cloth_type": cloth_type,
                "pid": pid,
                "caption": f"a person in a {colour} {word}",
                "mask": encode(small),
            }
            rows.append(row)
    rows[0]["mask"] = None
    rows[3]["mask"] = encode(Pillow.new("L", (218, 256)))
    corrupt = {**rows[-1], "images": {"bytes": rows[-1]["images"]["bytes"][:2000], "path": None}, "pose": "04_1_front"}
    return [*rows, corrupt]


def write_deepfashion(path: Path, rows: list[dict[str, Any]]) -> Path:
    texts = ("gender", "pose", "cloth_type", "pid", "caption")
    features = Features({"images": Image(), **{name: Value("string") for name in texts}, "mask": Image()})
    return write_rows(path, rows, features)


def write_fashionpedia(path: Path, rows: list[dict[str, Any]]) -> Path:
    whole, box = Value("int64"), Sequence(Value("float64"))
    objects = Sequence({"bbox_id": whole, "category": whole, "bbox": box, "area": whole})
    numbers = dict.fromkeys(("image_id", "width", "height"), whole)
    return write_rows(path, rows, Features({**numbers, "image": Image(), "objects": objects}))


def write_rows(path: Path, rows: list[dict[str, Any]], features: Features) -> Path:
    columns = {name: [row[name] for row in rows] for name in features}
    Dataset.from_dict(columns, features=features).to_parquet(path)
    return path


def write_seen(folder: Path) -> Path:
    return write_deepfashion(folder / "seen.parquet", seen_rows())


def write_unseen(folder: Path) -> Path:
    """Three photographs with two boxes each: a shoe, which is no main garment, and a shirt."""
    rows = []
    for number, name in enumerate(UNSEEN):
        with Pillow.open(SKIMAGE / name) as opened:
            picture = opened.convert("RGB")
        picture.thumbnail((SIDE, SIDE))
        width, height = picture.size
        boxes = [[0.0, 0.0, 9.0, 9.0], [0.2 * width, 0.3 * height, 0.7 * width, 0.9 * height]]
        objects = {"bbox_id": [0, 1], "category": [23, 0], "bbox": boxes, "area": [81, 9]}
        row = {"image_id": 100 + number, "image": encode(picture, "JPEG"), "width": width, "height": height}
        rows.append({**row, "objects": objects})
    return write_fashionpedia(folder / "unseen.parquet", rows)
