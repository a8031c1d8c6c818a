"""Rows in parquet: round trips, atomic writes, small row groups, required columns; the index of items."""

import os
from dataclasses import fields, replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures_pairs import photograph, write_index

from atelier.common import records
from atelier.common.errors import UserError
from atelier.common.records import GROUP_BYTES, Edit, Item, ItemMetadata, Zones, read_rows, write_rows
from atelier.pairs.index import IndexEntry

UNREADABLE = r"rows\.parquet: cannot be read as parquet: "


def edits(count: int, size: int = 10) -> list[Edit]:
    return [Edit(f"probe-{n}", "baseline", "edit", 1.2, 1.0, bytes([n % 256]) * size) for n in range(count)]


def test_rows_round_trip(tmp_path):
    plain = photograph("01", "a man in a shirt")
    bare = replace(plain, image_id="é-…", mask=None, caption="")
    full = replace(plain, image_id="full", box=[0.1, 2.0, 1 / 3, 4.0], scene="{}", instruction="x", target=b"\0png")
    path = tmp_path / "deep" / "items.parquet"
    assert write_rows(path, Item, iter([plain, bare, full])) == 3
    assert read_rows(path, Item) == list(records.iter_rows(path, Item)) == [plain, bare, full]
    assert records.count_rows(path, Item) == 3
    assert pq.read_schema(path).names == [field.name for field in fields(Item)]
    assert write_rows(path, Edit, []) == 0
    assert read_rows(path, Edit) == []


def test_the_same_rows_are_the_same_bytes_and_row_groups_stay_small(tmp_path):
    large = GROUP_BYTES // 4
    for name in ("a", "b"):
        write_rows(tmp_path / name, Edit, [*edits(records.GROUP_ROWS + 1), *edits(9, large)])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    metadata = pq.read_metadata(tmp_path / "a")
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [records.GROUP_ROWS, 5, 4, 1]


def test_after_an_exception_there_is_no_file(tmp_path):
    def rows():
        yield from edits(300)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_rows(tmp_path / "edits.parquet", Edit, rows())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read", [read_rows, records.iter_rows, records.count_rows])
def test_a_foreign_file_gives_a_one_line_error_at_once(tmp_path, read):
    path = tmp_path / "rows.parquet"
    with pytest.raises(UserError, match=UNREADABLE):
        read(path, Edit)
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(UserError, match=UNREADABLE):
        read(path, Edit)
    write_rows(path, Edit, edits(1))
    with pytest.raises(UserError, match="no column 'image_id'; expected the columns of Item"):
        read(path, Item)


def test_a_damaged_row_group_gives_a_one_line_error(tmp_path):
    path = tmp_path / "rows.parquet"
    write_rows(path, Edit, edits(2000, 50))
    data = bytearray(path.read_bytes())
    data[4:2000] = b"\xff" * 1996
    path.write_bytes(data)
    with pytest.raises(UserError, match=UNREADABLE):
        read_rows(path, Edit)


def store(path, rows: int = 3, **columns: pa.Array) -> None:
    """Write zones with other columns in place of their own."""
    write_rows(path, Zones, [Zones(f"row {n}", b"png", [0.0, 1.0, 2.0, 3.0], "given") for n in range(rows)])
    table = pq.read_table(path)
    for name, column in columns.items():
        table = table.set_column(table.column_names.index(name), name, column)
    pq.write_table(table, path)


@pytest.mark.parametrize(
    ("name", "column", "told"),
    [
        ("row_id", pa.array([1, 2, 3]), "holds int64; expected string"),
        ("row_id", pa.array([b"a", b"b", b"c"]), "holds binary; expected string"),
        ("tight", pa.array(["a", "b", "c"]), "holds string; expected binary"),
        ("tight", pa.array([{"bytes": b"png"}] * 3), "holds struct<bytes: binary>; expected binary"),
        ("box", pa.array([1.0, 2.0, 3.0]), "holds double; expected list"),
        ("box", pa.array([["a"]] * 3), "holds list<.*string>; expected list"),
        ("origin", pa.array([None] * 3), "holds null; expected string"),
        ("origin", pa.array(["given", None, "given"]), "lacks values, in row group 1"),
        ("box", pa.array([[1.0, None, 2.0, 3.0]] * 3), "lacks values, in row group 1"),
    ],
)
def test_a_column_of_another_type_or_without_a_value_is_one_line_with_its_name(tmp_path, name, column, told):
    path = tmp_path / "rows.parquet"
    store(path, **{name: column})
    with pytest.raises(UserError, match=rf"rows\.parquet: column '{name}' {told}") as refusal:
        read_rows(path, Zones)
    assert "\n" not in str(refusal.value)


def test_text_that_is_not_utf_8_and_a_pipe_are_one_line_and_texts_of_other_programs_are_read(tmp_path):
    path = tmp_path / "rows.parquet"
    wrong = pa.Array.from_buffers(pa.string(), 3, pa.array([b"\xff", b"a", b"b"]).buffers())
    store(path, row_id=wrong)
    with pytest.raises(UserError, match=UNREADABLE):
        read_rows(path, Zones)
    store(path, row_id=pa.array(["a", "b", "c"], pa.large_string()))
    assert [row.row_id for row in read_rows(path, Zones)] == ["a", "b", "c"]
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UserError, match=rf"{UNREADABLE}not a plain file"):
        read_rows(path, Zones)


# --- the index ------------------------------------------------------------------------------------------------------


def test_entries_hold_metadata_and_fetch_reads_pictures(items, index):
    for name in (field.name for field in fields(ItemMetadata)):
        assert [getattr(one, name) for one in index.entries] == [getattr(item, name) for item in items], name
    assert [one.row for one in index.entries] == list(range(len(items)))
    assert [one.masked for one in index.entries] == [item.mask is not None for item in items]
    assert not {"image", "mask", "target"} & {field.name for field in fields(IndexEntry)}
    for row in (0, 255, 256, 263, 5, 0):  # on both sides of a row group boundary, alternating
        assert index.fetch(index.entries[row]) == items[row]


def test_few_row_groups_are_kept_in_memory(tmp_path, monkeypatch):
    one = photograph("01", "")
    pictures = [replace(one, image=bytes([n]) * (GROUP_BYTES // 2), image_id=str(n)) for n in range(12)]
    index = write_index(pictures, tmp_path)
    read = []

    def counted(file, path, number, kind):
        read.append(number)
        return records.read_group(file, path, number, kind)

    monkeypatch.setattr("atelier.pairs.index.read_group", counted)
    for row in (0, 1, 0, 3, 5, 11, 10, 1, 7, 0):  # two rows per group, four groups in memory
        assert index.fetch(index.entries[row]) == pictures[row]
    assert read == [0, 1, 2, 5, 3]
    assert index.fetch(index.entries[2]) == pictures[2]
    assert read == [0, 1, 2, 5, 3, 1]


def test_the_mask_of_a_triplet_data_set_is_not_the_garment_s(tmp_path):
    plain = photograph("01", "")
    given = replace(plain, instruction="make the sky red", target=plain.image)
    index = write_index([plain, replace(plain, mask=None), given], tmp_path)
    assert [one.shows_garment for one in index.entries] == [True, False, False]
