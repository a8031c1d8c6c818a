"""Rows of any content in every schema: each is an item that can be stored, or refused with a short reason."""

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schema_files import (
    BASE,
    WRITERS,
    as_bytes,
    read,
    write_deepfashion2,
    write_described_folder,
    write_fashionpedia_json,
)

from atelier.common.errors import UserError
from atelier.common.records import Item, write_rows
from atelier.data import schemas
from atelier.data.schemas.rows import RawRow, Request

GOOD = as_bytes(BASE)
KEYS = {
    "deepfashion": ["images", "gender", "pose", "cloth_type", "pid", "caption", "mask", "scene", "person_id"],
    "fashionpedia": ["image_id", "image", "objects", "width", "height", "scene", "person_id"],
    "fashionpedia_json": ["id", "image", "worn", "width", "height"],
    "folder": ["image", *schemas.image_folder.COLUMNS],
    "triplets": ["source", "instruction", "target", "mask", "item", "caption"],
}
WORDS = st.sampled_from(["shirt", "06_1_front", "make the shirt red", "\ud800", "a\0b", "../x", "x" * 300, "{}", ""])
LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text() | WORDS | st.binary(max_size=9)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.sampled_from(["bytes", "path"]), inner),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
)
PICTURES = {"images", "image", "source", "target", "mask"}
PAIRS = st.fixed_dictionaries({"category": VALUES | st.just(0), "bbox": VALUES | st.just([0, 0, 60, 60])})


def check(parsed):
    """Hold that a row is an item or refused, and that both can be written."""
    assert (parsed.item is None) == bool(parsed.refused)
    assert len(parsed.refused) < 80
    json.dumps([parsed.image_id, parsed.where, parsed.refused, parsed.remarks], ensure_ascii=False).encode()
    return parsed


@pytest.mark.parametrize("schema", KEYS)
@settings(max_examples=50)
@given(data=st.data())
def test_any_row_is_an_item_or_refused(schema, data, tmp_path_factory):
    keys = KEYS[schema]
    row = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(keys, VALUES)))
    for key in PICTURES & set(keys):  # a picture that can be read, so that the other columns are reached
        if data.draw(st.booleans()):
            row[key] = data.draw(st.sampled_from([GOOD, {"bytes": GOOD, "path": None}]))
    if "objects" in keys and data.draw(st.booleans()):
        row["objects"] = data.draw(st.lists(PAIRS, max_size=3))
    row |= {"worn": []} if schema == "fashionpedia_json" else {}
    row |= {"image": None} if schema == "fashionpedia_json" and "image" not in row else {}
    request = Request("x", schema, "seen", 9, 32, "letterbox", 3)
    parsed = check(schemas._read(schemas._SCHEMAS[schema], request, (4, RawRow("x row 4", row))))
    assert not parsed.refused.startswith("unreadable row: ") or schema == "fashionpedia_json", parsed.refused
    if parsed.item:
        write_rows(tmp_path_factory.getbasetemp() / f"{schema}.parquet", Item, [parsed.item])


@settings(max_examples=60)
@given(st.lists(st.one_of(st.binary(max_size=60), JSON.map(lambda row: json.dumps(row).encode())), max_size=6))
def test_any_lines_of_metadata_are_rows_or_refused(tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("lines")
    where, schema, _ = write_described_folder(folder, [GOOD])
    with (folder / "metadata.jsonl").open("ab") as stream:
        stream.write(b"\n" + b"\n".join(lines))
    first, *_ = map(check, read(where, schema))
    assert first.item.item_id == "0.png"


@settings(max_examples=60)
@given(
    odd=JSON,
    part=st.sampled_from(["images", "annotations"]),
    key=st.sampled_from(["", "id", "image_id", "category_id", "bbox", "segmentation", "file_name", "width"]),
)
def test_an_odd_entry_of_an_annotation_file_refuses_itself_alone(tmp_path_factory, odd, part, key):
    folder = tmp_path_factory.mktemp("coco")
    dataset = write_fashionpedia_json(folder, [GOOD] * 2)
    content = json.loads((folder / "instances.json").read_text())
    content[part][0] = {**content[part][0], key: odd} if key else odd
    (folder / "instances.json").write_text(json.dumps(content))
    first, second = map(check, read(*dataset))
    assert second.item.image_id == "seen-000001-24"
    assert first.where


@settings(max_examples=60)
@given(
    st.binary(max_size=60) | JSON.map(lambda row: json.dumps(row).encode()), st.sampled_from(["item1", "pair_id", ""])
)
def test_any_annotation_of_deepfashion2_is_a_row_or_refused(tmp_path_factory, odd, key):
    folder = tmp_path_factory.mktemp("annos")
    dataset = write_deepfashion2(folder, [GOOD] * 2)
    file = folder / "annos" / "000001.json"
    whole = file.read_bytes().rstrip()[:-1]
    file.write_bytes(whole + f', "{key}": '.encode() + odd + b"}" if key else odd)
    first, second = map(check, read(*dataset))
    assert second.item
    assert first.where == "annos/000001.json"


def test_an_id_longer_than_any_path_refuses_its_row(tmp_path):
    (reading,) = read(*WRITERS["deepfashion"](tmp_path, [GOOD], pid="a" * 5000))
    assert (reading.refused, reading.image_id) == ("id over 4,096 characters", "seen-000000-")


ODD = {"over 255 bytes": "a" * 300 + ".png", "NUL": "a\0b.png", "half of a surrogate pair": "a\ud800.png"}


@pytest.mark.parametrize("name", ODD.values(), ids=ODD)
@pytest.mark.parametrize("source", ["described folder", "fashionpedia_json"])
def test_a_name_that_the_system_cannot_hold_refuses_its_row(tmp_path, source, name):
    (reading,) = read(*WRITERS[source](tmp_path, [GOOD], file_name=name))
    assert reading.refused in ("no such file", "file_name is not Unicode")


def test_a_file_name_that_is_not_utf8_refuses_its_row(tmp_path):
    for name in (b"a\xff.png", b"b.png"):
        (tmp_path / os.fsdecode(name)).write_bytes(GOOD)
    odd, good = map(check, read(tmp_path, "folder"))
    assert (odd.where, odd.refused, good.item.item_id) == ("a\\udcff.png", "file_name is not Unicode", "b.png")


@pytest.mark.parametrize("at", ["annos/000001.json", "image/000001.jpg"])
def test_pipes_and_links_that_lead_out_refuse_their_row(tmp_path, at):
    (tmp_path / "data").mkdir()
    dataset = write_deepfashion2(tmp_path / "data", [GOOD] * 3)
    file = tmp_path / "data" / at
    (tmp_path / "moved").write_bytes(file.read_bytes())
    file.unlink()
    os.mkfifo(file)
    second = file.with_name(file.name.replace("1", "2"))
    second.unlink()
    second.symlink_to(tmp_path / "moved")
    pipe, link, good = read(*dataset)
    assert pipe.refused in ("unreadable annotation", "not a plain file")
    assert (link.refused, good.refused) == ("name leads out of its folder", "")


@pytest.mark.parametrize("schema", ["folder", "deepfashion", "fashionpedia_json", "triplets"])
def test_a_source_that_is_a_pipe_is_never_waited_for(tmp_path, schema):
    os.mkfifo(tmp_path / "rows.parquet")
    with pytest.raises(UserError, match=r"rows\.parquet: .*not a plain file"):
        read(tmp_path / "rows.parquet", schema)
