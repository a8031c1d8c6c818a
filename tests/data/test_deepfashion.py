"""Rows of deepFashion-with-masks, complete and incomplete."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from schema_files import BASE, as_bytes, embed, mask_bytes, read, write_deepfashion

from atelier.images.tensors import from_png


def read_one(folder, *, fit="letterbox", **changes):
    return read(*write_deepfashion(folder, [as_bytes(BASE)], **changes), fit=fit)[0]


def test_a_row_of_deepfashion(tmp_path):
    reading = read_one(tmp_path)
    item = reading.item
    assert (reading.refused, reading.remarks, reading.where) == ("", (), "rows.parquet row 0")
    assert (item.item_id, item.variant, item.view, item.pose) == ("id_00006121", "06", "front", "06_1_front")
    assert (item.gender, item.garment, item.slot) == ("woman", "t-shirt", "upper")
    assert (item.image_id, item.caption) == ("seen-000000-id_00006121_06_1_front", "a woman in a red t-shirt")
    assert (item.person_id, item.box, item.scene, item.domain, item.split) == ("", None, None, "seen", "")
    assert (item.instruction, item.target) == (None, None)
    assert (from_png(item.image).shape, from_png(item.mask).shape) == ((32, 32, 3), (32, 32))


@pytest.mark.parametrize("pid", ["", None])
def test_a_row_without_a_garment_id_is_refused(tmp_path, pid):
    reading = read_one(tmp_path, pid=pid)
    assert (reading.item, reading.refused) == (None, "no pid")


def test_a_mask_outside_the_crop(tmp_path):
    edge = np.zeros((40, 60), bool)
    edge[:, :5] = True
    reading = read_one(tmp_path, fit="crop", mask=embed(mask_bytes(edge)))
    assert (reading.item.mask, reading.remarks) == (None, ("empty mask",))


def test_unknown_values_give_remarks(tmp_path):
    reading = read_one(tmp_path, cloth_type="Ponchos", pose="sitting", gender="?", caption=None)
    item = reading.item
    assert (item.garment, item.slot, item.variant, item.view) == ("clothes", "full", "sitting", "")
    assert (item.gender, item.caption) == ("person", "a person in clothes")
    assert reading.remarks == ("unknown cloth_type", "unknown pose")


def name_picture(folder, name):
    """Write a table that names its picture instead of containing it (`datasets` would embed it)."""
    dataset = write_deepfashion(folder, [as_bytes(BASE)])
    (row,) = pq.read_table(dataset[0]).to_pylist()
    pq.write_table(pa.Table.from_pylist([{**row, "images": {"bytes": None, "path": name}}]), dataset[0])
    return read(*dataset)[0]


def test_a_picture_may_be_a_file_next_to_the_table(tmp_path):
    BASE.save(tmp_path / "a.png")
    assert name_picture(tmp_path, "a.png").item.image == read_one(tmp_path).item.image


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "file:///etc/a.png", "C:\\a.png", "..\\a.png"])
def test_a_name_outside_the_table_s_folder_is_refused(tmp_path, name):
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    (tmp_path / "in").mkdir()
    assert name_picture(tmp_path / "in", name).refused == "name leads out of its folder"
