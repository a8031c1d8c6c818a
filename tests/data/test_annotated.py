"""Fashionpedia (hub and COCO files) and DeepFashion2: the main garment among the annotated ones."""

import json
from pathlib import Path

import numpy as np
import pytest
import schema_files as files
from schema_files import BASE, INSIDE, SQUARE, annotate_deepfashion2, letterboxed, read, write_fashionpedia_json

from atelier.common.errors import UserError
from atelier.data.schemas import fashionpedia
from atelier.data.schemas.rows import RowSpec
from atelier.images.tensors import from_png

PICTURE = files.as_bytes(BASE)  # 60 × 40
NO_GARMENT = "no main garment with a usable box"


def objects(*found):
    categories, boxes = [category for category, _ in found], [list(map(float, box)) for _, box in found]
    return {"bbox_id": list(range(len(found))), "category": categories, "bbox": boxes, "area": [1] * len(found)}


# --- fashionpedia, hub rows -----------------------------------------------------------------------------------------
def read_fashionpedia(folder, found, width=60, height=40, **options):
    dataset = files.write_fashionpedia(folder, [PICTURE], objects=found, width=width, height=height)
    return read(*dataset, **options)[0]


def test_fashionpedia_takes_the_larger_upper_garment(tmp_path):
    picture, upper = (0, 0, 60, 40), ((0, (10, 5, 30, 20)), (4, (6, 2, 36, 24)))
    worn = objects((6, (0, 20, 60, 40)), *upper, (10, picture), (23, picture))
    reading = read_fashionpedia(tmp_path, worn, domain="unseen", size=60)
    item = reading.item
    assert (item.garment, item.slot, item.mask, item.domain) == ("jacket", "upper", None, "unseen")
    assert item.box == pytest.approx([6, 12, 36, 34])  # the picture lies 10 px down in its square
    assert item.caption == "a person in a jacket and a shirt and a dress and trousers"
    assert (reading.remarks, reading.where) == (("no mask",), "rows.parquet row 0")


def test_fashionpedia_prefers_full_to_lower_and_knows_names(tmp_path):
    reading = read_fashionpedia(tmp_path, objects((7, (0, 20, 60, 40)), (11, (10, 5, 30, 20))))
    assert (reading.item.garment, reading.item.slot) == ("jumpsuit", "full")
    named = {"image_id": 1, "image": BASE, "objects": [{"category": "Shorts", "bbox": [0, 20, 60, 40]}]}
    made = fashionpedia.read_row(named, RowSpec("1", "unseen", 32, "crop"))  # a list of dicts, and no size
    assert made.item.garment == "shorts"


def test_a_box_is_scaled_from_the_size_that_the_row_names(tmp_path):
    reading = read_fashionpedia(tmp_path, objects((0, (20, 10, 60, 50))), 120, 80, size=60)
    assert reading.item.box == pytest.approx([10, 15, 30, 35])


@pytest.mark.parametrize("found", [objects(), objects((23, (0, 0, 9, 9))), objects((0, (80, 0, 90, 9)))])
def test_without_a_main_garment_a_picture_is_refused(tmp_path, found):
    reading = read_fashionpedia(tmp_path, found)
    assert (reading.item, reading.refused) == (None, NO_GARMENT)


# --- fashionpedia as published --------------------------------------------------------------------------------------
RUNS = {"size": [40, 60], "counts": [210, *[20, 20] * 19, 20, 1410]}  # INSIDE, column after column


@pytest.mark.parametrize("drawn", [SQUARE, RUNS])
def test_an_annotation_file_gives_box_and_mask(tmp_path, drawn):
    (reading,) = read(*write_fashionpedia_json(tmp_path, [PICTURE], drawn, width=60, height=40), size=60)
    item = reading.item
    assert (reading.refused, reading.remarks, reading.where) == ("", (), "instances.json image 23")
    assert (item.garment, item.item_id, item.image_id) == ("shirt", "image-23", "seen-000000-23")
    np.testing.assert_array_equal(from_png(item.mask) > 0, letterboxed(INSIDE))
    assert item.box == pytest.approx([0, 10, 60, 50])


def edit(dataset, change):
    """Change the JSON of a data set in place."""
    content = json.loads(Path(dataset[0]).read_text())
    change(content)
    Path(dataset[0]).write_text(json.dumps(content))
    return dataset


def test_numbers_beyond_floats_are_no_size_and_no_box(tmp_path):
    def annotate(content):
        content["annotations"].append({**content["annotations"][0], "category_id": 6, "bbox": [0, 0, 10**400, 1]})

    (reading,) = read(*edit(write_fashionpedia_json(tmp_path, [PICTURE], width=10**400, height=40), annotate), size=60)
    assert reading.item.caption == "a person in a shirt"
    assert reading.item.box == pytest.approx([0, 10, 60, 50])  # in the frame of the stored picture


def test_the_main_garment_is_chosen_among_many_annotations(tmp_path):
    def annotate(content):
        template = content["annotations"][0]
        content["annotations"] = [
            {**template, "category_id": 6, "segmentation": [[0, 0, 60, 0, 60, 40]]},
            {**template, "category_id": 23},
            {**template, "bbox": [5, 10, 20, 20]},
            {**template, "bbox": [0, 0, 4, 4], "segmentation": "?"},
            {**template, "bbox": None},
            {**template, "image_id": 99, "bbox": [0, 0, 60, 40]},
        ]

    (reading,) = read(*edit(write_fashionpedia_json(tmp_path, [PICTURE]), annotate), size=60)
    assert (reading.item.garment, reading.remarks) == ("shirt", ())
    assert reading.item.box == pytest.approx([5, 20, 25, 40])
    assert (from_png(reading.item.mask) > 0).sum() == 400
    assert reading.item.caption == "a person in a shirt and trousers"


@pytest.mark.parametrize(
    ("old", "new"), [("train/0.jpg", "0.jpg"), ("train", "images"), ("instances.json", "annotations/instances.json")]
)
def test_pictures_are_found_where_they_are_published(tmp_path, old, new):
    write_fashionpedia_json(tmp_path, [PICTURE])
    (tmp_path / new).parent.mkdir(exist_ok=True)
    (tmp_path / old).rename(tmp_path / new)
    (annotations,) = tmp_path.rglob("instances.json")
    assert read(annotations, "fashionpedia_json")[0].item is not None


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("../0.jpg", "name leads out of its folder"),
        ("/etc/0.jpg", "name leads out of its folder"),
        ("1.jpg", "no such file"),
        (None, "no picture"),
    ],
)
def test_a_picture_that_cannot_be_found_is_refused(tmp_path, name, refused):
    (reading,) = read(*write_fashionpedia_json(tmp_path, [PICTURE], file_name=name))
    assert (reading.refused, reading.where) == (refused, "instances.json image 23")


@pytest.mark.parametrize(
    ("drawn", "remark"),
    [
        ([], "no mask"),
        ([[1, 2, 3]], "unreadable mask"),
        ([[70, 50, 80, 50, 80, 60]], "empty mask"),
        ([[0, 0, 60, 0, 60, 40, 0, 40]], "mask of the whole picture"),
        ({"size": [60, 40], "counts": [10, 2390]}, "mask of another shape"),
    ],
)
def test_without_a_usable_segmentation_the_box_is_kept(tmp_path, drawn, remark):
    (reading,) = read(*write_fashionpedia_json(tmp_path, [PICTURE], drawn))
    assert (reading.item.mask, reading.remarks) == (None, (remark,))
    assert reading.item.box


@pytest.mark.parametrize("part", ["images", "annotations", "categories"])
def test_a_file_without_a_required_list_gives_a_one_line_error(tmp_path, part):
    dataset = edit(write_fashionpedia_json(tmp_path, [PICTURE]), lambda content: content.pop(part))
    with pytest.raises(UserError, match=f"instances.json: no usable '{part}'; expected COCO's lists"):
        read(*dataset)


def test_a_source_without_its_files_gives_a_one_line_error(tmp_path):
    (tmp_path / "a.json").write_text("{")
    for where, schema, message in (
        ("a.json", "fashionpedia_json", r"a.json: not JSON"),
        ("b.json", "fashionpedia_json", r"b.json: no such file here; expected annotations in COCO format"),
        (".", "deepfashion2", r"no folder annos; a DeepFashion2 split holds annos/\*.json and image/\*.jpg"),
    ):
        with pytest.raises(UserError, match=message):
            read(tmp_path / where, schema)


# --- deepfashion2 ---------------------------------------------------------------------------------------------------
def read_deepfashion2(folder, annotation, **options):
    return read(*files.write_deepfashion2(folder, [PICTURE], annotation), **options)[0]


def test_an_annotation_of_deepfashion2(tmp_path):
    below = {"category_id": 8, "bounding_box": [0, 20, 60, 40], "style": 0}
    reading = read_deepfashion2(tmp_path, annotate_deepfashion2(below, {"bounding_box": [5, 10, 25, 30]}), size=60)
    item = reading.item
    assert (reading.refused, reading.remarks, reading.where) == ("", (), "annos/000001.json")
    assert (item.garment, item.item_id, item.variant, item.view) == ("t-shirt", "000012-t-shirt", "1", "front")
    assert item.box == pytest.approx([5, 20, 25, 40])
    assert (from_png(item.mask) > 0).sum() == 400
    assert (item.caption, item.image_id) == ("a person in a t-shirt and trousers", "seen-000000-000001")


@pytest.mark.parametrize("order", [(9, 12, 5, 3, 7), (7, 3, 5, 12, 9)])
def test_the_order_of_the_garments_does_not_matter(tmp_path, order):
    annotation = annotate_deepfashion2(*({"category_id": n, "bounding_box": [0, 0, 20 + n, 30]} for n in order))
    assert read_deepfashion2(tmp_path, annotation).item.garment == "vest"


@pytest.mark.parametrize(
    ("style", "viewpoint", "pair", "expected"),
    [
        (2, 3, 12, ("000012-t-shirt", "2", "side")),
        (2, 1, 12, ("000012-t-shirt", "2", "flat")),
        (2, 9, 12, ("000012-t-shirt", "2", "")),
        (0, 2, 12, ("000012-t-shirt", "", "")),  # in its pair's split, but never paired
        (1, 2, None, ("seen-000000-000001", "", "")),
        ("1", None, 12, ("000012-t-shirt", "", "")),
    ],
)
def test_pairs_and_styles(tmp_path, style, viewpoint, pair, expected):
    item = read_deepfashion2(tmp_path, annotate_deepfashion2({"style": style, "viewpoint": viewpoint}, pair=pair)).item
    assert (item.item_id, item.variant, item.view) == expected


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        *((text, "unreadable annotation") for text in ("{", "[1]", "[" * 9999)),
        ("{}", NO_GARMENT),
        ('{"item1": {"category_id": "top"}, "item2": 3}', NO_GARMENT),
        ('{"item1": {"category_id": 1, "bounding_box": ["a", 2, [3], 4]}}', NO_GARMENT),
    ],
)
def test_an_unusable_annotation_is_refused(tmp_path, text, refused):
    dataset = files.write_deepfashion2(tmp_path, [PICTURE] * 2)
    (tmp_path / "annos" / "000001.json").write_text(text)
    first, second = read(*dataset)
    assert (first.refused, first.where, second.refused) == (refused, "annos/000001.json", "")


def test_an_annotation_without_its_picture_and_stray_files(tmp_path):
    dataset = files.write_deepfashion2(tmp_path, [PICTURE] * 2)
    (tmp_path / "image" / "000002.jpg").unlink()
    for stray in (".DS_Store", "._000001.json", "notes.txt"):
        (tmp_path / "annos" / stray).write_bytes(b"\0\1")
    assert [reading.refused for reading in read(*dataset)] == ["", "no such file"]
