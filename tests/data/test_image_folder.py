"""Folders of the user's own pictures: with and without metadata, with masks, with stray files."""

import csv
import json

import numpy as np
import pytest
import schema_files as files
from datasets import Image as Encoded
from datasets import Value
from PIL import Image
from schema_files import INSIDE, embed, letterboxed, mask_bytes, read, write_described_folder, write_folder

from atelier.common.errors import UserError
from atelier.data.schemas import count_left_out
from atelier.images.tensors import from_png

PICTURE = files.as_bytes(files.BASE)


def describe(folder, *lines):
    folder.mkdir(exist_ok=True, parents=True)
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / "metadata.jsonl").write_text(text, encoding="utf-8")


def test_without_metadata_every_picture_is_a_row(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("b.png", "a/c.JPG", "a/b.jpeg"):
        (tmp_path / name).write_bytes(PICTURE)
    readings = read(tmp_path, "folder")
    assert [reading.where for reading in readings] == ["a/b.jpeg", "a/c.JPG", "b.png"]
    item = readings[0].item
    assert (item.item_id, item.image_id) == ("a/b.jpeg", "seen-000000-a/b.jpeg")
    assert (item.garment, item.caption, item.mask, item.view) == ("clothes", "a person in clothes", None, "")
    assert readings[0].remarks == ("no mask", "no garment named")


@pytest.mark.parametrize("name", ["0.mask.png", "0.mask.PNG", "masks/0.png", "masks/0.tif"])
def test_a_mask_is_found_next_to_its_picture(tmp_path, name):
    dataset = write_folder(tmp_path, [PICTURE])
    (tmp_path / "masks").mkdir()
    Image.fromarray(INSIDE).save(tmp_path / name)
    (reading,) = read(*dataset, size=60)
    np.testing.assert_array_equal(from_png(reading.item.mask) > 0, letterboxed(INSIDE))
    assert reading.remarks == ("no garment named",)


def test_a_line_of_metadata(tmp_path):
    metadata = {
        "caption": "a woman in a blazer", "garment": "blazer", "item_id": 31, "person_id": "anna", "variant": "red",
        "view": "front", "gender": "woman", "mask": "drawn/0.png",
    }  # fmt: skip
    dataset = write_described_folder(tmp_path, [PICTURE], **metadata)
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / "0.png").write_bytes(mask_bytes())
    (reading,) = read(*dataset, size=60)
    item = reading.item
    assert (reading.refused, reading.remarks, reading.where) == ("", (), "metadata.jsonl line 1")
    assert (item.item_id, item.person_id, item.variant, item.view) == ("31", "anna", "red", "front")
    assert (item.gender, item.garment, item.slot, item.caption) == ("woman", "jacket", "upper", "a woman in a blazer")
    np.testing.assert_array_equal(from_png(item.mask) > 0, letterboxed(INSIDE))


@pytest.mark.parametrize(
    ("metadata", "garment", "remarks"),
    [
        ({"caption": "his jeans"}, "trousers", ()),
        ({"text": "his jeans"}, "trousers", ()),
        ({"caption": "his jeans", "garment": "Coat"}, "coat", ()),
        ({"caption": "his jeans", "garment": "hat"}, "clothes", ("unknown garment",)),
        ({"caption": None}, "clothes", ("no garment named",)),
    ],
)
def test_the_garment_comes_from_metadata_or_caption(tmp_path, metadata, garment, remarks):
    (reading,) = read(*write_described_folder(tmp_path, [PICTURE], **metadata))
    assert (reading.item.garment, reading.remarks) == (garment, ("no mask", *remarks))


def test_lines_are_rows_and_bad_lines_are_refused_by_number(tmp_path):
    write_folder(tmp_path, [PICTURE] * 3)
    one, again = {"file_name": "1.png"}, {"caption": "the same one in its shirt"}
    describe(tmp_path, one, "{no json", "", "[1]", {"caption": "a hat"}, {"file_name": "9.png"}, one | again)
    readings = read(tmp_path, "folder")
    assert [int(reading.where.split()[-1]) for reading in readings] == [1, 2, 4, 5, 6, 7]
    refused = ["", *["line is no JSON object"] * 2, "no file_name", "no such file", ""]
    assert [reading.refused for reading in readings] == refused
    first, repeated = readings[0].item, readings[-1].item
    assert first.image_id != repeated.image_id
    assert first.item_id == repeated.item_id  # so both belong to one split


def test_metadata_in_a_subfolder_names_files_relative_to_itself(tmp_path):
    describe(tmp_path / "a", {"file_name": "b/0.png"})
    (tmp_path / "a" / "b").mkdir()
    (tmp_path / "a" / "b" / "0.png").write_bytes(PICTURE)
    (reading,) = read(tmp_path, "folder")
    assert (reading.where, reading.refused) == ("a/metadata.jsonl line 1", "")


@pytest.mark.parametrize("name", ["../0.png", "/etc/0.png", "a/../../0.png", "..\\0.png", "file:///etc/0.png"])
def test_a_picture_outside_the_folder_is_refused_and_a_mask_ignored(tmp_path, name):
    (tmp_path / "0.png").write_bytes(mask_bytes())
    describe(tmp_path / "in", {"file_name": name}, {"file_name": "1.png", "garment": "shirt", "mask": name})
    (tmp_path / "in" / "1.png").write_bytes(PICTURE)
    picture, mask = read(tmp_path / "in", "folder")
    assert (picture.refused, picture.where) == ("name leads out of its folder", "metadata.jsonl line 1")
    assert (mask.item.mask, mask.remarks) == (None, ("unreadable mask",))


def test_a_table_of_pictures_works_as_well(tmp_path):
    row = {"image": embed(PICTURE), "text": "a man in a coat", "mask": embed(mask_bytes())}
    features = {"image": Encoded(), "text": Value("string"), "mask": Encoded()}
    (reading,) = read(files.write_table(tmp_path / "mine.parquet", [row], features), "folder")
    assert (reading.item.garment, reading.item.caption, reading.remarks) == ("coat", "a man in a coat", ())
    assert reading.item.item_id == reading.item.image_id


@pytest.mark.parametrize(
    ("folder", "contents", "message"),
    [
        (".", {}, r"holds no pictures \(.png, .jpg"),
        (".", {"a.txt": b""}, "holds no pictures"),
        (
            ".",
            {"a.png": PICTURE, "metadata.parquet": b""},
            "metadata.parquet: metadata is read from metadata.js",
        ),
        (".", {"metadata.jsonl": b"{}", "metadata.csv": b"a"}, r"metadata.jsonl: beside metadata.csv; expected one"),
        (".", {"metadata.csv": b"file_name,file_name"}, r"metadata.csv: column 'file_name' occurs twice"),
        (".", {"metadata.csv": b"file_name\n\xff.png"}, r"metadata.csv: not CSV in UTF-8: a line after \d+ is not"),
        (".", {"metadata.jsonl": b"\n"}, "holds no rows"),
        ("none", {}, r"no such folder here; expected pictures, with or without a metadata.jsonl"),
    ],
)
def test_a_folder_without_rows_gives_a_one_line_error(tmp_path, folder, contents, message):
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=message):
        read(tmp_path / folder, "folder")


@pytest.mark.parametrize(
    ("text", "caption", "refused", "remarks"),
    [
        (b"a man in a coat", "a man in a coat", "", ()),
        (b"\xef\xbb\xbfa man in a coat\r\n", "a man in a coat", "", ()),
        (b"A man.\n\nHe wears\ta coat.", "A man. He wears a coat.", "", ("caption of several lines",)),
        ("un caf\u00e9, a coat".encode(), "un caf\u00e9, a coat", "", ()),
        (b"a coat " * 100, ("a coat " * 100)[:500].rstrip(), "", ("caption cut",)),
        (b" \n", "a person in clothes", "", ("no garment named",)),
        ("a coat".encode("utf-16"), None, "caption is not UTF-8", ()),
        (b"a" * (2**20 + 1), None, "caption over 1 MiB", ()),
    ],
)
@pytest.mark.parametrize("name", ["0.txt", "0.TXT"])
def test_a_caption_is_read_from_the_text_file_beside_its_picture(tmp_path, name, text, caption, refused, remarks):
    write_folder(tmp_path, [PICTURE])
    (tmp_path / name).write_bytes(text)
    (reading,) = read(tmp_path, "folder")
    assert (reading.item and reading.item.caption, reading.refused) == (caption, refused)
    assert {*reading.remarks} - {"no mask"} == {*remarks}


@pytest.mark.parametrize("name", ["metadata.jsonl", "metadata.csv"])
def test_a_caption_of_the_metadata_goes_before_the_text_file(tmp_path, name):
    rows = [{"file_name": f"{n}.png", "caption": caption} for n, caption in enumerate(["his jeans, new", ""])]
    write_folder(tmp_path, [PICTURE] * 3)
    for n in range(3):
        (tmp_path / f"{n}.txt").write_text("a coat")
    if name == "metadata.jsonl":
        describe(tmp_path, *rows)
    else:
        with (tmp_path / name).open("w", encoding="utf-8-sig", newline="") as stream:
            writer = csv.DictWriter(stream, ["file_name", "caption"])
            writer.writeheader()
            writer.writerows(rows)
    readings = read(tmp_path, "folder")
    assert [(one.item.caption, one.item.garment) for one in readings] == [
        ("his jeans, new", "trousers"),
        ("a coat", "coat"),
    ]
    assert [one.where for one in readings] == [f"{name} line {n}" for n in ((1, 2) if "json" in name else (2, 3))]
    assert count_left_out(str(tmp_path), "folder") == {"picture that no line names": 1}


def test_a_text_file_outside_of_the_source_refuses_its_row(tmp_path):
    (tmp_path / "in").mkdir()
    write_folder(tmp_path / "in", [PICTURE])
    (tmp_path / "secret.txt").write_text("a coat")
    (tmp_path / "in" / "0.txt").symlink_to(tmp_path / "secret.txt")
    (reading,) = read(tmp_path / "in", "folder")
    assert reading.refused == "name leads out of its folder"
