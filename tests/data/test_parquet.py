"""Local parquet: cells of other types than expected, bounded sizes, pages of every kind."""

import io
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, Features, Image
from import_graph import ROOT
from schema_files import BASE, as_bytes, embed, mask_bytes, read

from atelier.common.errors import UserError
from atelier.data.schemas import parquet
from atelier.data.schemas.parquet import PAGE_BYTES
from atelier.data.schemas.parquet_pages import page_sizes

PICTURE = as_bytes(BASE)
THING = {"image_id": 0, "image": embed(PICTURE), "width": 60, "height": 40}
TRIPLET = {"source_img": embed(PICTURE), "target_img": embed(PICTURE), "instruction": "make the shirt red"}


def write(path, rows, **options):
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)
    pq.write_table(table, path, **options)
    return path


def objects(*categories):
    return {"category": list(categories), "bbox": [[0.0, 0.0, 60.0, 40.0]] * len(categories)}


def test_a_text_in_a_picture_column_is_a_path_beside_the_table(tmp_path):
    (tmp_path / "sub").mkdir()
    for name, data in (("x.png", PICTURE), ("m.png", mask_bytes())):
        (tmp_path / "sub" / name).write_bytes(data)
    names = ("x.png", "/etc/x.png", "../x.png", "none.png", "", "a" * 300)
    rows = [{"image": name, "mask": "m.png", "caption": "a man in a shirt"} for name in names]
    write(tmp_path / "sub" / "rows.parquet", rows)
    readings = read(tmp_path / "sub" / "rows.parquet", "folder")
    outside, gone = "name leads out of its folder", "no such file"
    assert [one.refused for one in readings] == ["", outside, outside, gone, "no picture", gone]
    assert readings[0].item.mask


@pytest.mark.parametrize(
    ("found", "garment"),
    [
        (objects(0.0, 6.0), "shirt"),
        (objects(6.0), "trousers"),
        (objects(float("nan"), 6.0), "trousers"),
        ([{"category": 6.0, "bbox": [0.0, 0.0, 60.0, 40.0]}], "trousers"),
        (objects(True), None),
        (objects(6.5), None),
        (objects(), None),
        ({"category": "shirt", "bbox": "all"}, None),
        ("shirt", None),
        (7, None),
        (None, None),
    ],
)
def test_a_category_is_a_whole_number_or_a_name_whatever_its_type(tmp_path, found, garment):
    (reading,) = read(write(tmp_path / "rows.parquet", [{**THING, "objects": found}]), "fashionpedia")
    assert (reading.item.garment if reading.item else None) == garment
    assert reading.item or reading.refused in ("no main garment with a usable box", "unreadable objects")


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (pa.array([b"\xff\xfe", b"a shirt"]).cast(pa.string(), safe=False), "caption is not Unicode"),
        (pa.array([2**31 - 1, None], pa.date32()), "unreadable row: "),
        (pa.array([True, None]), "caption is no text"),
        (pa.array([b"a", None]), "caption is no text"),
        (pa.array([{"en": "a"}, None]), "caption is no text"),
        (pa.array(["a" * (2**20 + 1), "a shirt"]), "caption over 1 MiB"),
        (pa.array(["a" * (2**20 + 1), "a shirt"]).dictionary_encode(), "caption over 1 MiB"),
        (pa.array([["a" * (2**20 + 1)], ["a shirt"]]), "caption over 1 MiB"),
    ],
)
def test_a_cell_of_another_type_or_size_refuses_its_row_alone(tmp_path, column, reason):
    table = pa.table({"image": [embed(PICTURE)] * 2, "caption": column})
    odd, good = read(write(tmp_path / "rows.parquet", table), "folder")
    assert odd.refused.startswith(reason)
    assert (good.item.caption or "").startswith("a")
    assert odd.where == "rows.parquet row 0"


def test_nan_in_a_table_is_absent(tmp_path):
    row = {"image": embed(PICTURE), "item_id": 12.0, "person_id": 3.0, "caption": "a man in a shirt"}
    missing = row | {"item_id": float("nan"), "person_id": float("nan")}
    readings = read(write(tmp_path / "rows.parquet", [row, missing, missing]), "folder")
    assert [one.item.item_id for one in readings] == ["12", "seen-000001-", "seen-000002-"]
    assert [one.item.person_id for one in readings] == ["3", "", ""]


def test_a_column_that_occurs_twice_ends_in_one_line(tmp_path):
    table = pa.table([pa.array([PICTURE])] * 2, names=["image", "image"])
    with pytest.raises(UserError, match=r"rows.parquet: column 'image' occurs twice"):
        read(write(tmp_path / "rows.parquet", table), "folder")


@pytest.mark.parametrize("options", [{}, {"use_dictionary": False}, {"data_page_version": "2.0", "compression": "gzip"},
    {"use_byte_stream_split": ["number"], "use_dictionary": ["text"]}, {"write_statistics": False}])  # fmt: skip
def test_the_pages_of_a_column_are_all_of_it(tmp_path, options):
    rng = np.random.default_rng(1)
    texts = [rng.bytes(int(size)) for size in rng.integers(0, 30, 500)]
    table = pa.table({"text": texts, "number": rng.random(500), "list": [[1.5] * (n % 7) for n in range(500)]})
    file = write(
        tmp_path / "rows.parquet", table, data_page_size=200, write_batch_size=10, row_group_size=200, **options
    )
    metadata = pq.read_metadata(file)
    with file.open("rb") as stream:
        for group in range(3):
            for number in range(3):
                chunk = metadata.row_group(group).column(number)
                sizes = list(page_sizes(stream, chunk))
                headers = chunk.total_uncompressed_size - sum(sizes)  # the total counts them
                assert 0 < headers <= 200 * len(sizes)
        assert len(list(page_sizes(stream, metadata.row_group(0).column(0)))) > 3
    with pytest.raises(ValueError, match="page"):
        list(page_sizes(io.BytesIO(b"\x15" * 10**6), chunk))


def test_large_pages_and_long_lists_end_in_one_line(tmp_path, monkeypatch):
    file = write(tmp_path / "rows.parquet", [{**TRIPLET, "instruction": "red " * 3000}])
    monkeypatch.setattr(parquet, "TEXT_BYTES", 9000)
    message = r"column 'instruction': a page over 0 MiB, the limit; write smaller ones \(pyarrow and pandas: write_b"
    with pytest.raises(UserError, match=f"rows.parquet: {message}"):
        read(tmp_path, "triplets", "source=source_img,instruction=instruction,target=target_img")
    write(file, [{**THING, "objects": objects(*[0] * 400)}])
    with pytest.raises(UserError, match=r"objects.*: a row group over 0 MiB"):
        read(tmp_path, "fashionpedia")
    monkeypatch.undo()
    monkeypatch.setattr(parquet, "ROW_BYTES", 9000)
    (reading,) = read(tmp_path, "fashionpedia")
    assert reading.refused == "row over 0 MiB"


@pytest.mark.parametrize("columns", [["source_img"], ["source_img", "target_img"]])
def test_a_page_that_is_over_the_limit_is_refused_before_it_is_read_and_can_be_written_smaller(tmp_path, columns):
    """Cells of 1 MiB of zeros: pyarrow puts all of them into one page, which is a few MB in the file."""
    count = PAGE_BYTES // 2**20 // len(columns) + 1
    cells = pa.array([bytes(2**20)] * count)
    texts = pa.array(["make it red"] * count)
    pictures = {
        name: cells if name in columns else pa.array([PICTURE] * count) for name in ("source_img", "target_img")
    }
    table = pa.table({**pictures, "instruction": texts})
    file = write(tmp_path / "rows.parquet", table, use_dictionary=False)
    where = "a page" if len(columns) == 1 else "a page, with those of other columns,"
    told = f"column '{columns[-1]}': {where} over 256 MiB, the limit; write smaller ones \\(pyarrow and pandas: "
    roles = "source=source_img,instruction=instruction,target=target_img"
    pool = pa.total_allocated_bytes()
    with pytest.raises(UserError, match=told + r"write_batch_size=16\)"):
        read(tmp_path, "triplets", roles)
    assert pa.total_allocated_bytes() - pool < 2**20
    write(file, table.slice(0, 40), use_dictionary=False, write_batch_size=16)
    metadata = pq.read_metadata(file)
    with file.open("rb") as stream:
        pages = list(page_sizes(stream, metadata.row_group(0).column(metadata.schema.names.index(columns[-1]))))
    assert max(pages) < 17 * 2**20
    assert {one.refused for one in read(tmp_path, "triplets", roles)} == {
        "not a picture" if "source_img" in columns else "target: not a picture"
    }


def test_default_pages_of_ordinary_pictures_are_under_the_limit(tmp_path):
    """Sizes in proportion: 1,024 rows of 200 kB, and what `datasets` writes of 1,000 rows of any size."""
    rng = np.random.default_rng(1)
    pictures = [rng.bytes(2000) for _ in range(1100)]
    plain = write(tmp_path / "plain.parquet", pa.table({"image": pictures}), row_group_size=2**20)
    Dataset.from_dict({"image": [embed(data) for data in pictures]}, Features({"image": Image()})).to_parquet(
        tmp_path / "datasets.parquet"
    )
    largest = {}
    for file in (plain, tmp_path / "datasets.parquet"):
        chunk = pq.read_metadata(file).row_group(0).column(0)
        with file.open("rb") as stream:
            largest[file.stem] = max(page_sizes(stream, chunk))
    assert largest["plain"] * 100 < PAGE_BYTES  # of 200 kB each
    assert largest["datasets"] < 2 * 2**20


MEASURE = """
import resource, sys
from atelier.data.schemas import Request, read_items
request = Request(sys.argv[1], "folder", "seen", 1000, 32, "letterbox", 7)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
reasons = {one.refused for one in read_items(request)}
print(reasons, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_one_long_caption_repeated_in_a_small_file_costs_little_memory(tmp_path):
    captions = pa.DictionaryArray.from_arrays([0] * 50, ["a red shirt " * 3_000_000])
    table = pa.table({"image": [embed(PICTURE)] * 50, "caption": captions})
    options = {"compression": "zstd", "dictionary_pagesize_limit": 2**30, "store_schema": False}
    file = write(tmp_path / "rows.parquet", table, **options)
    assert file.stat().st_size < 30_000
    command = [sys.executable, "-c", MEASURE, str(file)]
    result = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": "src"}, capture_output=True, text=True, check=True)
    reasons, grown = result.stdout.rsplit(maxsplit=1)
    assert reasons == "{'caption over 1 MiB'}"
    assert int(grown) < 256  # MiB; 36 MB a row, 16 rows at a time and their Python texts were 2 GB
