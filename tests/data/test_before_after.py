"""Before/after folders: pairs of equal names, instructions from text files and tables, and what is refused."""

import csv
import io
import json
from pathlib import PurePosixPath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from schema_files import BASE, INSIDE, as_bytes, letterboxed, mask_bytes, read

from atelier.common.errors import UserError
from atelier.data.schemas import count_left_out
from atelier.images.tensors import from_png

BEFORE, AFTER = as_bytes(BASE), as_bytes(Image.fromarray(255 - np.asarray(BASE)))
RED = b"make the shirt red"
PAIR = {"source/a.png": BEFORE, "target/a.png": AFTER}


def write(folder, files):
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def as_json(*rows):
    return "\n".join(json.dumps(row) for row in rows).encode()


def as_csv(*rows):
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode("utf-8-sig")


TABLES = pytest.mark.parametrize(("table", "encode"), [("metadata.jsonl", as_json), ("metadata.csv", as_csv)])


def told(readings):
    return [reading.refused or (reading.item.item_id, reading.item.instruction) for reading in readings]


@pytest.mark.parametrize("place", ["", "source/", "target/"])
@pytest.mark.parametrize("sides", [("source", "target"), ("before", "after"), ("control", "target")])
def test_pictures_of_equal_names_are_pairs(tmp_path, place, sides):
    names = dict(zip(("source", "target"), sides, strict=True))
    first = {f"{sides[0]}/front/a.v2.jpg": as_bytes(BASE, "JPEG", quality=95), f"{sides[1]}/front/a.v2.png": AFTER}
    text = f"{names.get(place.strip('/'), '')}/front/a.v2.txt".lstrip("/")
    write(tmp_path, {**first, text: b"\xef\xbb\xbf" + RED + b"\n"})
    (reading,) = read(tmp_path, "before_after", size=60)
    item = reading.item
    assert (reading.refused, reading.remarks, reading.where) == ("", ("no mask",), f"{sides[0]}/front/a.v2.jpg")
    assert (item.instruction, item.garment, item.item_id) == (RED.decode(), "shirt", "front/a.v2")
    assert item.image_id == "seen-000000-front/a.v2"
    source, target = (from_png(png).astype(int)[10:50] for png in (item.image, item.target))
    assert np.abs(source - np.asarray(BASE)).mean() < 3  # of a JPEG
    np.testing.assert_array_equal(target, 255 - np.asarray(BASE))
    assert count_left_out(str(tmp_path), "before_after") == {}


@pytest.mark.parametrize("name", ["source/a.mask.png", "source/masks/a.png", "masks/a.png"])
def test_a_mask_is_optional_and_white_inside(tmp_path, name):
    write(tmp_path, {**PAIR, "a.txt": RED, name: mask_bytes()})
    (reading,) = read(tmp_path, "before_after", size=60)
    assert reading.remarks == ()
    np.testing.assert_array_equal(from_png(reading.item.mask) > 0, letterboxed(INSIDE))


@pytest.mark.parametrize(
    ("files", "refused"),
    [
        ({"source/b.png": BEFORE, "b.txt": RED}, "no picture of that name in target"),
        ({"target/b.png": AFTER, "b.txt": RED}, "no picture of that name in source"),
        ({"source/b.png": BEFORE, "target/B.png": AFTER, "b.txt": RED}, "no picture of that name in target"),
        ({"source/b.png": BEFORE, "source/b.jpg": BEFORE, "target/b.png": AFTER}, "several pictures of that name"),
        ({"source/b.png": BEFORE, "target/b.png": AFTER}, "no instruction"),
        ({"source/b.png": BEFORE, "target/b.png": AFTER, "b.txt": b" \n"}, "empty instruction"),
        ({"source/b.png": BEFORE, "target/b.png": AFTER, "b.txt": b"\xff\xfe"}, "instruction is not UTF-8"),
        ({"source/b.png": BEFORE, "target/b.png": AFTER, "b.txt": RED, "source/b.txt": b"blue"}, "files with differ"),
        ({"source/b.png": BEFORE, "target/b.png": b"?", "b.txt": RED}, "target: not a picture"),
        ({"source/b.png": BEFORE, "target/b.png": as_bytes(BASE.resize((60, 60))), "b.txt": RED}, "target of another"),
    ],
)
def test_a_pair_that_does_not_match_is_refused_by_name(tmp_path, files, refused):
    write(tmp_path, {**PAIR, "a.txt": RED, **files})
    readings = {reading.image_id.split("-", 2)[2]: reading for reading in read(tmp_path, "before_after")}
    assert told([readings.pop("a")]) == [("a", RED.decode())]
    bad = readings.values()
    assert any(reading.refused.startswith(refused) for reading in bad)
    assert {name.lower() for name in readings} == {"b"}


def test_the_parameter_names_the_folders_and_captions_lie_beside_the_targets(tmp_path):
    """The layout of kohya's scripts, SimpleTuner and ai-toolkit: two folders of any name, instructions with targets."""
    files = {"ctrl/a.jpg": as_bytes(BASE, "JPEG"), "10_clothes/a.png": AFTER, "10_clothes/a.txt": RED}
    write(tmp_path, files | {"other/a.png": BEFORE})
    for columns in ("source=ctrl,target=10_clothes", " source = ctrl/ , target = 10_clothes/ "):
        (reading,) = read(tmp_path, "before_after", columns)
        assert (reading.item.item_id, reading.item.instruction, reading.where) == ("a", RED.decode(), "ctrl/a.jpg")
        assert count_left_out(str(tmp_path), "before_after", columns) == {".png": 1}
    assert np.abs(from_png(reading.item.target).astype(int) - from_png(reading.item.image)).max() > 100
    with pytest.raises(UserError, match="no folders ctrl and none with files; it has 10_clothes, ctrl, other"):
        read(tmp_path, "before_after", "source=ctrl,target=none")


@pytest.mark.parametrize(
    "columns",
    [
        "source=a",
        "source=a,target=",
        "a,b",
        "source=a,target=a",
        "source=a/b,target=c",
        "source=a,target=b,mask=c",
        ",=",
    ],
)
def test_a_parameter_that_does_not_name_two_folders_is_refused(tmp_path, columns):
    with pytest.raises(UserError, match=r"prepare.columns: .* expects source=FOLDER,target=FOLDER"):
        read(write(tmp_path, PAIR), "before_after", columns)


def test_the_columns_of_a_table_of_triplets_are_for_the_other_source(tmp_path):
    write(tmp_path, {**PAIR, "a.txt": RED})
    assert told(read(tmp_path, "before_after", "source=x,instruction=y,target=z")) == [("a", RED.decode())]


def test_a_target_of_another_size_is_resized_and_lines_are_joined(tmp_path):
    double = as_bytes(Image.open(io.BytesIO(AFTER)).resize((120, 80), Image.Resampling.NEAREST))
    write(tmp_path, {**PAIR, "target/a.png": double, "a.txt": b"make\n\nit red", "source/a.txt": b"make\n\nit red"})
    (reading,) = read(tmp_path, "before_after", size=60)
    assert (reading.item.instruction, reading.remarks) == ("make it red", ("no mask", "instruction of several lines"))
    assert np.abs(from_png(reading.item.target)[10:50].astype(int) - (255 - np.asarray(BASE))).max() <= 6


@TABLES
@pytest.mark.parametrize("folder", ["", "source/", "target/"])
@pytest.mark.parametrize("column", ["instruction", "edit_prompt", "prompt", "text"])
def test_lines_of_a_table_name_pairs(tmp_path, table, encode, folder, column):
    names = ["a.png", "source/b.png", "b", "target/c.png", "d.png", ""]
    words = ["make it red", "make it blue", "make it green", "", "", "nothing"]
    rows = [{"file_name": name, column: text, "item_id": "7"} for name, text in zip(names, words, strict=True)]
    files = {f"{side}/{name}.png": BEFORE for side in ("source", "target") for name in "abce"}
    write(tmp_path, {**files, folder + table: encode(*rows), "c.txt": RED, "e.txt": RED})
    texts = [*(("7", text) for text in words[:3]), ("7", RED.decode()), "no picture of that name in source"]
    assert told(read(tmp_path, "before_after")) == [*texts, "no file_name, and not both source and target"]
    assert count_left_out(str(tmp_path), "before_after") == {"picture that no line names": 2}


@TABLES
def test_a_table_can_name_both_files_of_a_pair(tmp_path, table, encode):
    kept = {"source": "x/1.png", "target": "y/2.png", "instruction": "make them red", "garment": "jeans"}
    columns = ("input_image", "edited_image", "edit_prompt", "garment")
    renamed = dict(zip(columns, kept.values(), strict=True))
    files = {"x/1.png": BEFORE, "y/2.png": AFTER, "x/1.mask.png": mask_bytes(), "x/3.png": BEFORE}
    for row in (kept, renamed):
        write(tmp_path, {**files, table: encode(row, row | {next(iter(row)): "../out.png"})})
        good, bad = read(tmp_path, "before_after")
        assert (good.item.instruction, good.item.garment, good.item.item_id) == ("make them red", "trousers", "x/1")
        assert good.item.mask
        assert bad.refused == "name leads out of its folder"
        assert count_left_out(str(tmp_path), "before_after") == {".png": 1}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"source/a.png": BEFORE}, "no folders source and target or .* control and target with files; it has source"),
        ({"a.png": BEFORE}, "no folders source and target or .* control and target with files; it has no folders"),
        ({"source/a.txt": RED, "target/a.txt": RED}, r"no pictures in source and target \(.png, .jpg"),
        ({**PAIR, "metadata.csv": b"file_name", "source/metadata.csv": b"file_name"}, "several metadata files"),
    ],
)
def test_a_folder_without_pairs_gives_a_one_line_error(tmp_path, files, message):
    with pytest.raises(UserError, match=message):
        read(write(tmp_path, files), "before_after")


NAME = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="/\\:"), min_size=1, max_size=9
)


@settings(max_examples=40)
@given(
    names=st.dictionaries(
        NAME.filter(lambda name: not name.startswith(".") and PurePosixPath(f"{name}.png").suffix == ".png"),
        st.tuples(st.sampled_from([".png", ".PNG", ".jpg", ""]), st.sampled_from([".webp", ".png", ""])),
        min_size=1,
        max_size=6,
    )
)
def test_the_pairs_are_the_names_that_both_folders_have(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("pairs")
    expected, refused = set(), 0
    write(
        folder,
        {"source/.keep": b"", "target/.keep": b"", "source/first one.png": BEFORE, "target/first one.png": AFTER},
    )
    for name, (before, after) in names.items():
        files = {f"source/{name}{before}": BEFORE} if before else {}
        files |= {f"target/{name}{after}": AFTER} if after else {}
        write(folder, files | ({f"{name}.txt": name.encode()} if files else {}))
        expected |= {(name, name)} if len(files) == 2 else set()
        refused += len(files) == 1
    readings = read(folder, "before_after")
    assert {(one.item.item_id, one.item.instruction) for one in readings if one.item} == expected
    reasons = [one.refused for one in readings if not one.item]
    assert len(reasons) == refused + 1  # "first one" has no instruction
    assert {reason.replace("target", "source") for reason in reasons} <= {
        "no picture of that name in source",
        "no instruction",
    }


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("world:studio", "the schema before_after reads a folder; rendered and hub data"),
        ("no-such", "no such folder here; expected pictures of equal names"),
        (__file__, "is not a folder; expected one with pictures of equal names"),
    ],
)
def test_a_source_that_is_no_folder_gives_a_one_line_error(where, message):
    with pytest.raises(UserError, match=message):
        read(where, "before_after")
