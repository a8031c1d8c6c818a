"""Rows of rendered people in the published schemas."""

import re

import numpy as np
import pytest

from atelier.synthetic import fashion
from atelier.text import garments

COUNTS = {"studio": 24, "street": 12}  # rows


@pytest.fixture(scope="module")
def rows() -> dict[str, list[dict]]:
    return {domain: list(fashion.rows(domain, count, seed=5, size=32)) for domain, count in COUNTS.items()}


def test_studio_rows_are_in_deepfashions_schema(rows):
    types = {"images": "RGB", "gender": str, "pose": str, "cloth_type": str, "pid": str, "caption": str, "mask": "L",
             "mask_overlay": "RGB", "scene": str, "person_id": str}  # fmt: skip
    for row in rows["studio"]:
        assert list(row) == list(types)
        for name, kind in types.items():
            assert row[name].mode == kind if isinstance(kind, str) else type(row[name]) is kind
        assert row["gender"] in ("WOMEN", "MEN")
        assert re.fullmatch(r"\d\d_\d_(front|back)", row["pose"])
        assert re.fullmatch(r"id_\d{8}", row["pid"])
        scene = fashion.Scene.from_json(row["scene"])
        rendered = fashion.render(scene, 32)
        np.testing.assert_array_equal(row["images"], rendered.image)
        np.testing.assert_array_equal(np.asarray(row["mask"]), rendered.masks[scene.item] * np.uint8(255))
        assert garments.CLOTH_TYPES[row["cloth_type"]] == scene.garments[scene.item].kind
        assert row["caption"] == fashion.describe_scene(scene)


def test_street_rows_are_in_fashionpedias_schema(rows):
    for number, row in enumerate(rows["street"]):
        assert list(row) == ["image_id", "image", "width", "height", "objects", "scene", "person_id"]
        assert (row["image_id"], row["width"], row["height"], row["image"].size) == (number, 32, 32, (32, 32))
        objects = row["objects"]
        assert list(objects) == ["bbox_id", "category", "bbox", "area"]
        scene = fashion.Scene.from_json(row["scene"])
        kinds = [garments.CATEGORIES[category][1] for category in objects["category"]]
        assert kinds == [garment.kind for _, garment in scene.worn]
        masks = fashion.render(scene, 32).masks
        for (slot, _), (x1, y1, x2, y2), area in zip(scene.worn, objects["bbox"], objects["area"], strict=True):
            inside = np.zeros((32, 32), bool)
            inside[int(y1) : int(y2), int(x1) : int(x2)] = True
            assert area == masks[slot].sum() == (masks[slot] & inside).sum()
            assert masks[slot][int(y1)].any()
            assert masks[slot][:, int(x2) - 1].any()
    ids = [box for row in rows["street"] for box in row["objects"]["bbox_id"]]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("domain", "short"), [("studio", 11), ("street", 5)])
def test_a_longer_run_starts_with_the_shorter_one(domain, short, rows):
    def flat(row: dict) -> dict:
        """Convert the pictures of a row to bytes for comparison."""
        return {key: value.tobytes() if hasattr(value, "tobytes") else value for key, value in row.items()}

    again = list(fashion.rows(domain, short, seed=5, size=32))
    assert [flat(row) for row in again] == [flat(row) for row in rows[domain][:short]]
    assert flat(next(fashion.rows(domain, 1, seed=6, size=32))) != flat(rows[domain][0])


def test_items_have_variants_and_shots_and_share_no_person(rows):
    poses = [f"{v:02d}_{pose}" for v in range(1, 5) for pose in ("1_front", "2_back")]
    for item in {row["pid"] for row in rows["studio"]}:
        shots = [row for row in rows["studio"] if row["pid"] == item]
        assert [row["pose"] for row in shots] == poses
        scenes = [fashion.Scene.from_json(row["scene"]) for row in shots]
        worn = [scene.garments[scene.item] for scene in scenes]
        assert len({(scene.item, garment.kind, garment.cut) for scene, garment in zip(scenes, worn, strict=True)}) == 1
        fabrics = [(garment.colour, garment.pattern) for garment in worn]
        assert fabrics[::2] == fabrics[1::2]  # both shots of a variant show the same fabric
    owners = {}
    for row in (*rows["studio"], *rows["street"]):
        owners.setdefault(row["person_id"], set()).add(row.get("pid", f"street {row.get('image_id')}"))
    assert all(len(items) == 1 for items in owners.values())
    assert len(owners) > 3
