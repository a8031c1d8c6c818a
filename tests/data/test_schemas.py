"""Sources: order, resuming, number of threads, row locations, the hub, and missing sources."""

import os
from dataclasses import replace
from unittest.mock import Mock

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from schema_files import BASE, WRITERS, as_bytes, embed, mask_bytes, read, write_deepfashion

from atelier.common.errors import UserError
from atelier.data.schemas import Request, parquet, read_items
from atelier.images.phash import fingerprint
from atelier.images.tensors import from_png

GOOD = as_bytes(BASE)
SHADES = [as_bytes(Image.new("RGB", (20, 30), (9 * n, 0, 200))) for n in range(25)]
EXPECTED = "the fashionpedia schema has image_id, image, objects"


def table(path, pids, **options):
    """Write a parquet file in deepFashion's schema with pyarrow, one row per id."""
    row = {"images": embed(GOOD), "gender": "MEN", "pose": "01_1_front", "cloth_type": "Denim", "caption": "",
           "mask": embed(mask_bytes()), "mask_overlay": embed(GOOD)}  # fmt: skip
    pq.write_table(pa.Table.from_pylist([{**row, "pid": pid} for pid in pids]), path, **options)


def ids(readings):
    return [reading.item.item_id for reading in readings]


@pytest.mark.parametrize("source", WRITERS)
def test_reading_can_start_at_any_row(tmp_path, source):
    dataset = WRITERS[source](tmp_path, SHADES[:9])
    complete = read(*dataset)
    assert len({reading.where for reading in complete}) == len({reading.item.image for reading in complete}) == 9
    for start, rows in ((4, 100), (8, 9), (9, 9), (20, 100), (0, 3), (2, 5)):
        assert read(*dataset, start=start, rows=rows) == complete[start:rows]


@pytest.mark.parametrize("source", ["deepfashion", "described folder", "fashionpedia_json"])
def test_one_and_many_threads_read_the_same(tmp_path, source, monkeypatch):
    dataset = WRITERS[source](tmp_path, [*SHADES, b"nothing", *SHADES])
    found = []
    for cores in ({0}, set(range(7))):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: cores)
        found.append(read(*dataset))
    assert found[0] == found[1]
    assert [reading.item is None for reading in found[0]] == [n == 25 for n in range(51)]


@pytest.mark.parametrize("source", WRITERS)
@pytest.mark.parametrize("fit", ["letterbox", "crop"])
def test_a_fingerprint_is_of_the_fitted_picture(tmp_path, source, fit):
    (reading,) = read(*WRITERS[source](tmp_path, [GOOD]), fit=fit)
    pixels = from_png(reading.item.image)
    assert reading.item.fingerprint == fingerprint(pixels)
    assert ((pixels[0] == 255).all()) == (fit == "letterbox")


@pytest.mark.parametrize(("where", "schema"), [("world:studio", "deepfashion"), ("world:street", "fashionpedia")])
def test_rendered_data_goes_through_the_same_loaders(where, schema):
    readings = read(where, schema, rows=9)
    items = [reading.item for reading in readings]
    assert len(items) == 9
    assert all(item.scene and item.person_id for item in items)
    assert read(where, schema, rows=9, start=3) == readings[3:]
    assert readings[8].where == f"{where} row 8"
    assert {item.mask is None for item in items} == {schema == "fashionpedia"}
    assert all(from_png(item.mask).any() if item.mask else item.box for item in items)


def test_closing_a_reading_early_stops_its_threads():
    readings = read_items(Request("world:studio", "deepfashion", "seen", 10**9, 32, "crop", 3))
    assert next(readings).item is not None
    readings.close()


def test_a_folder_of_parquet_files_is_one_source(tmp_path):
    table(tmp_path / "train-00000.parquet", ["a", "b", "c"])
    (tmp_path / "more").mkdir()
    table(tmp_path / "more" / "train-00001.parquet", ["d", "e"])
    readings = read(tmp_path, "deepfashion")
    assert ids(readings) == ["d", "e", "a", "b", "c"]
    assert (readings[1].where, readings[2].where) == ("more/train-00001.parquet row 1", "train-00000.parquet row 0")
    assert readings == read(tmp_path, "deepfashion", rows=5)


@pytest.mark.parametrize("start", [0, 1, 15, 16, 17, 39, 40, 41, 79, 80, 83, 84, 99])
def test_resuming_crosses_batches_row_groups_and_files(tmp_path, start):
    names = [f"{n:02d}" for n in range(84)]
    table(tmp_path / "0.parquet", names[:80], row_group_size=20)
    table(tmp_path / "1.parquet", names[80:])
    assert ids(read(tmp_path, "deepfashion", start=start)) == names[start:]


def test_skipped_row_groups_are_not_read(tmp_path, monkeypatch):
    table(tmp_path / "0.parquet", [f"{n:02d}" for n in range(80)], row_group_size=20)
    calls = []

    class Watched(pq.ParquetFile):
        def iter_batches(self, *words, **options):
            calls.append((options["row_groups"], options["columns"]))
            return super().iter_batches(*words, **options)

    monkeypatch.setattr(parquet.pq, "ParquetFile", Watched)
    assert ids(read(tmp_path / "0.parquet", "deepfashion", start=45))[0] == "45"
    ((groups, columns),) = calls
    assert groups == [2, 3]
    assert "mask" in columns
    assert "mask_overlay" not in columns  # unused, and a third of the file


def test_memory_does_not_grow_with_the_rows(tmp_path):
    """By Arrow's count of allocated bytes: of a row group of 20 MB only some pages are in memory at a time."""
    rng, texts = np.random.default_rng(1), dict.fromkeys(("gender", "pose", "cloth_type", "pid", "caption"), "x")
    rows = [{**texts, "images": embed(rng.bytes(50_000))} for _ in range(400)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "big.parquet", row_group_size=400, write_batch_size=10)
    before, most = pa.total_allocated_bytes(), 0
    for reading in read_items(Request(str(tmp_path / "big.parquet"), "deepfashion", "seen", 400, 8, "crop", 1)):
        assert reading.refused == "not a picture"
        most = max(most, pa.total_allocated_bytes() - before)
    assert 0 < most < 6_000_000


@pytest.mark.parametrize(
    ("where", "schema", "message"),
    [
        ("rows.parquet", "fashionpedia", f"rows.parquet: no column 'image_id'; {EXPECTED}; this source has"),
        ("rows.parquet", "deepfashion", "holds no rows; expected pictures in the deepfashion schema"),
        ("world:studio", "folder", "world:studio: no column 'image'; the folder schema has image"),
        ("world:beach", "deepfashion", "no such rendered world; one of world:studio, world:street, photographs:"),
        ("/nowhere/rows.parquet", "deepfashion", "no such file or folder"),
        ("./nowhere", "deepfashion", "no such file or folder"),
        ("without", "deepfashion", "holds no parquet files"),
        ("broken", "deepfashion", "1.parquet: cannot be read: "),
    ],
)
def test_an_unusable_source_gives_a_one_line_error(tmp_path, monkeypatch, where, schema, message):
    monkeypatch.chdir(tmp_path)
    write_deepfashion(tmp_path, [])
    for folder in ("without", "broken"):
        (tmp_path / folder).mkdir()
    table(tmp_path / "broken" / "0.parquet", ["a"])
    (tmp_path / "broken" / "1.parquet").write_bytes(b"PAR1 but no parquet")
    with pytest.raises(UserError, match=message) as caught:
        read(where, schema)
    assert "\n" not in str(caught.value)


def test_a_hub_name_is_streamed_from_its_train_split_and_an_unreachable_hub_named(tmp_path, monkeypatch):
    source, schema, _ = write_deepfashion(tmp_path, SHADES[:4])
    load = Mock(return_value=datasets.load_dataset("parquet", data_files=source, streaming=True))
    monkeypatch.setattr(datasets, "load_dataset", load)
    hub = read("somebody/garments", schema)
    load.assert_called_once_with("somebody/garments", streaming=True)
    assert hub == [replace(one, where=f"train row {n}") for n, one in enumerate(read(source, schema))]
    assert read("somebody/garments", schema, start=3) == hub[3:]
    load.side_effect = ConnectionError("Couldn't reach\nthe hub")
    with pytest.raises(UserError, match=r"^somebody/garments: cannot be read: Couldn't reach the hub$"):
        read("somebody/garments", schema)
