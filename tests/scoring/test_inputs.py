"""What is read of CSV files and folders, and what is refused of them, and why."""

import re
from pathlib import Path

import numpy as np
import pytest
from drawn_edits import draw, garment, save, write_csv, write_edits
from PIL import Image

from atelier.common.errors import RefusedError, UserError
from atelier.scoring.folders import read_folders
from atelier.scoring.pictures import open_edit, open_sources
from atelier.scoring.rows import Row
from atelier.scoring.table import read_table


def written(folder: Path, header: str, *lines: str) -> Path:
    path = folder / "edits.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def test_a_table_has_rows_of_files_and_texts(tmp_path):
    rows = write_edits(tmp_path, 2)
    listed = read_table(write_csv(tmp_path / "edits.csv", rows))
    assert listed.editors == ["good", "bad"]
    assert listed.refused == []
    assert listed.rows[1] == Row(
        "line 3", tmp_path / "source1.png", {"good": tmp_path / "good1.png", "bad": tmp_path / "bad1.png"},
        "make the shirt red", "a woman in a blue shirt", "a woman in a red shirt", tmp_path / "mask1.png",
        tmp_path / "target1.png",
    )  # fmt: skip
    assert read_table(written(tmp_path, "edited,source", "b.png,a.png")).editors == ["edited"]


@pytest.mark.parametrize(
    ("header", "lines", "reason"),
    [
        ("edited,instruction", ["a,b"], "no column 'source'; expected source, edited"),
        ("source,mask", ["a,b"], "no edits; expected source, edited"),
        ("source,edited,colour", ["a,b,c"], "unknown column 'colour'"),
        ("source,edited,source", ["a,b,c"], "column 'source' occurs twice"),
        ("source,edited:a,edited: a", ["a,b,c"], "editor 'a' is named twice"),
        ("source,edited,edited:edited", ["a,b,c"], "editor 'edited' is named twice"),
        ("source,edited:", ["a,b"], "an editor's name has 1 to 40"),
        (f"source,edited:{'n' * 41}", ["a,b"], "an editor's name has 1 to 40"),
        ("source," + ",".join(f"edited:{n}" for n in range(13)), ["a"], "13 editors; expected at most 12"),
        ("source,edited", [], "contains no rows below its header"),
    ],
)
def test_wrong_columns_are_refused_as_a_whole(tmp_path, header, lines, reason):
    with pytest.raises(UserError, match=re.escape(reason)):
        read_table(written(tmp_path, header, *lines))


def test_wrong_rows_are_refused_alone(tmp_path):
    lines = ["a.png,b.png,,red", ",b.png,,red", "a.png,,,red", "a.png,b.png,,red", "a.png,,c.png,red, too",
             "a.png,,c.png,green", f"a.png,b.png,,{'x' * 10001}", f"{'n' * 300}.png,b.png,,red"]  # fmt: skip
    listed = read_table(written(tmp_path, "source,edited:one,edited:two,instruction", *lines))
    assert [row.where for row in listed.rows] == ["line 2", "line 7"]
    assert list(map(str, listed.refused)) == [
        "line 2, two: no picture is named", "line 3: source is empty", "line 4: no edited picture is named",
        "line 5: repeats line 2",
        "line 6: more values than columns; put quotes around a value that contains a comma",
        "line 7, one: no picture is named", "line 8: instruction has 10,001 characters; the limit is 10,000",
        str(listed.refused[-1]),
    ]  # fmt: skip
    assert "the name is too long" in str(listed.refused[-1])


def folders(tmp_path: Path, **names: str) -> dict[str, Path]:
    """Make folders of empty files with the given names, separated by spaces."""
    for folder, files in names.items():
        for name in files.split():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return {name: tmp_path / name for name in names}


def test_folders_are_paired_by_name_whatever_the_extension(tmp_path, capsys):
    made = folders(
        tmp_path, source="a.png in/b.jpg c.png c.jpg d.png e.png notes.txt a.mask.png",
        one="a.webp in/b.jpg c.png x.png",
        two="a.png a.jpg c.webp e.png e.jpg", masks="a.mask.png in/b.png",
    )  # fmt: skip
    (tmp_path / "source" / "in" / "b.txt").write_text("make it\nred\n")
    edited = {name: made[name] for name in ("one", "two")}
    listed = read_folders(made["source"], edited, masks=made["masks"])
    found = {row.where: {name: path.name for name, path in row.edits.items()} for row in listed.rows}
    assert found == {
        "a.png": {"one": "a.webp", "two": "a.png"}, "c.png": {"one": "c.png"}, "e.png": {"two": "e.png"},
        "in/b.jpg": {"one": "b.jpg"},
    }  # fmt: skip
    masks = {row.where: row.mask and row.mask.name for row in listed.rows}
    assert masks == {"a.png": "a.mask.png", "c.png": None, "e.png": None, "in/b.jpg": "b.png"}
    assert {row.where: row.instruction for row in listed.rows}["in/b.jpg"] == "make it red"
    refused = {(one.where, one.editor): one.reason for one in listed.refused}
    assert "c.webp: cannot be told apart" in refused["c.png", "two"]
    assert "no picture of this name" in refused["d.png", "one"]
    assert "one: 1 pictures have no source of their name, such as x.png" in capsys.readouterr().err
    only = folders(tmp_path, plain="a.png", twice="a.jpg a.webp")
    (refusal,) = read_folders(only["plain"], {"x": only["twice"]}).refused
    assert "a.jpg, a.webp: cannot be told apart" in str(refusal)


def test_instructions_of_folders_come_from_a_table(tmp_path, capsys):
    made = folders(tmp_path, source="a.png b.png", one="a.png b.png")
    asked = tmp_path / "asked.csv"
    asked.write_text("source,instruction,target_caption\na.png,make it red,a red shirt\nz.png,x,\n")
    rows = read_folders(made["source"], {"one": made["one"]}, instructions=asked).rows
    assert [(row.instruction, row.target_caption) for row in rows] == [("make it red", "a red shirt"), ("", "")]
    assert "1 of 2 names are no source, such as 'z.png'" in capsys.readouterr().err
    for text, reason in (("name,instruction\na.png,x\n", "expected source and any of"),
                         ("source,instruction\na.png,x\na.png,y\n", "line 3: a second line for 'a.png'"),
                         ("source,instruction\na.png,x,y\n", "more values than columns")):  # fmt: skip
        asked.write_text(text)
        with pytest.raises(UserError, match=reason):
            read_folders(made["source"], {"one": made["one"]}, instructions=asked)


def test_folders_that_cannot_be_read_are_refused(tmp_path):
    made = folders(tmp_path, source="notes.txt", one="a.png")
    for source, edited, reason in ((tmp_path / "none", {"one": made["one"]}, "No such file"),
                                   (made["source"], {"one": made["one"]}, "holds no pictures"),
                                   (made["one"], {}, "--edited: no edits; expected NAME=FOLDER")):  # fmt: skip
        with pytest.raises(UserError, match=reason):
            read_folders(source, edited)


def test_pictures_are_opened_at_the_size_of_the_source(tmp_path):
    save(tmp_path / "s.png", draw(0, 60, 90))
    save(tmp_path / "mask.png", garment(120, 180).astype(np.uint8) * 255)
    save(tmp_path / "e.png", draw(1, 122, 180))  # another size, and rounded
    sources = open_sources(Row("x", tmp_path / "s.png", {}, mask=tmp_path / "mask.png"))
    assert sources.source.shape == (60, 90, 3)
    assert sources.mask.shape == (60, 90)
    pixels, own = open_edit(tmp_path / "e.png", sources)
    assert (pixels.shape, own) == ((60, 90, 3), (180, 122))
    Image.new("RGB", (4100, 1000), "red").save(tmp_path / "large.png")
    assert open_sources(Row("x", tmp_path / "large.png", {})).size == (2048, 500)


def test_files_that_do_not_fit_the_source_are_refused(tmp_path):
    save(tmp_path / "s.png", draw(0))
    save(tmp_path / "wide.png", draw(0, 60, 70))
    save(tmp_path / "black.png", np.zeros((64, 64), np.uint8))
    save(tmp_path / "tiny.png", draw(0, 64, 64)[:12, :12])
    (tmp_path / "text.png").write_text("no picture")
    source = tmp_path / "s.png"
    sources = open_sources(Row("x", source, {}))
    for name, reason in (("wide.png", "70 × 60 px; expected the source's shape, 64 × 64"), ("none.png", "no such file"),
                         ("text.png", "not a picture"), (".", "not a plain file")):  # fmt: skip
        for attempt in (
            lambda path: open_edit(path, sources),
            lambda path: open_sources(Row("x", source, {}, target=path)),
        ):
            with pytest.raises(RefusedError, match=reason):
                attempt(tmp_path / name)
    for row, reason in ((Row("x", tmp_path / "tiny.png", {}), "12 × 12 px are too few"),
                        (Row("x", tmp_path / "none.png", {}), "no such file"),
                        (Row("x", source, {}, mask=tmp_path / "black.png"), "empty mask; expected white"),
                        (Row("x", source, {}, mask=tmp_path / "wide.png"), "mask of another shape")):  # fmt: skip
        with pytest.raises(RefusedError, match=reason):
            open_sources(row)
