"""A CSV of edits: valid rows are read, invalid ones reported, and no row writes outside its folder."""

import csv
import io
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atelier.common.errors import UserError
from atelier.sampling.batch_csv import EditBatch, read_batch


def read(folder: Path, text: str | bytes) -> EditBatch:
    """Write a CSV and read it, with the folder `out` beside it."""
    (folder / "batch.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return read_batch(folder / "batch.csv", folder / "out", mask="auto", seed=7)


def test_a_row_needs_only_an_image_and_an_instruction(tmp_path):
    listed = read(tmp_path, "image,instruction\nphotos/a.jpg,make the shirt red\n\nb.png, turn the skirt green \n")
    assert listed.refused == {}
    first, second = listed.requests
    assert (first.line, first.image, first.instruction) == (2, tmp_path / "photos/a.jpg", "make the shirt red")
    assert (first.mask, first.seed, first.output) == ("auto", 7, tmp_path / "out/0001-a.png")
    assert (second.line, second.instruction, second.output.name) == (4, "turn the skirt green", "0002-b.png")


def test_a_row_can_set_every_column(tmp_path):
    rows = 'sub/x.webp,m.png,12,a.jpg,"make it red, please"\ny.jpg,none,,a.jpg,z\n'
    first, second = read(tmp_path, f"\ufeffoutput,mask,seed,image,instruction\n{rows}").requests
    assert (first.output, first.mask, first.seed) == (tmp_path / "out/sub/x.webp", str(tmp_path / "m.png"), 12)
    assert first.instruction == "make it red, please"
    assert (second.mask, second.seed, second.output.name) == ("none", 7, "y.jpg")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",make it red,,,", "image is empty"),
        ("a.png, ,,,", "instruction is empty"),
        ("a.png,red,,one,", "seed 'one' is not a whole number from 0 to 2147483647"),
        *((f"a.png,red,,{seed},", f"seed '{seed}'") for seed in (-1, 2147483648)),
        ("a.png,red,,,x.gif", "expected one of the image formats .png, .jpg"),
        ("a.png,red,," + "9" * 5000 + ",", "is not a whole number from 0"),
        ("a\0.png,red,,,", "image 'a\\x00.png' cannot be the name of a file"),
        ("a" * 300 + ".png,red,,,", "cannot be the name of a file; expected at most 255 bytes"),
        ("a.png,red,m\0.png,,", "mask 'm\\x00.png' cannot be the name of a file"),
        ("a.png,red,,," + "é" * 150 + ".png", "cannot be the name of a file"),
        ("a.png,red,,,../x.png", "output '../x.png' is not inside"),
        *((f"a.png,red,,,{output}", "is not inside") for output in ("sub/../../x.png", "/tmp/x.png", "link/x.png")),
        ("a.png,red,,,good.png", "good.png is already the output of line 2"),
        ("a.png,red,,,./good.png", "is already the output of line 2"),
        ("a.png,red,,,photo.png", "is also an input file"),
        ("a.png,red,,,folder.png", "is a folder"),
        ("a.png,red,,,x.png,more", "more values than columns"),
    ],
)
def test_an_invalid_row_is_reported_and_the_others_are_kept(tmp_path, row, reason):
    (tmp_path / "out" / "folder.png").mkdir(parents=True)
    (tmp_path / "out" / "link").symlink_to(tmp_path)
    good = "out/photo.png,red,,,good.png"
    listed = read(tmp_path, f"image,instruction,mask,seed,output\n{good}\n{row}\nout/photo.png,blue,,,\n")
    assert ([job.line for job in listed.requests], list(listed.refused)) == ([2, 4], [3])
    assert reason in listed.refused[3]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", r"no column 'image'; expected image, instruction and optionally mask, seed, output"),
        ("picture,instruction\na,b\n", "no column 'image'"),
        ("image,instruction,prompt\na,b,c\n", "unknown column 'prompt'"),
        ("image,instruction\n", "contains no rows"),
        (b"image,instruction\n\xff\xfe,b\n", "not CSV in UTF-8: line 2 is not UTF-8"),
        ("image,instruction,image\na,b,c\n", "column 'image' occurs twice"),
    ],
)
def test_a_file_that_is_not_a_batch_is_refused(tmp_path, text, reason):
    with pytest.raises(UserError, match=rf"batch\.csv: {reason}"):
        read(tmp_path, text)
    with pytest.raises(UserError, match=r"none\.csv: No such file"):
        read_batch(tmp_path / "none.csv", tmp_path, mask="auto", seed=0)


@settings(max_examples=60)
@given(st.lists(st.lists(st.text(max_size=9) | st.sampled_from(["a" * 300, "\0", "..", "/"]), max_size=6), max_size=5))
def test_any_rows_are_edits_or_refused_by_line(tmp_path_factory, rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows(
        [["image", "instruction", "mask", "seed", "output"], ["a.png", "red", "", "", ""], *rows]
    )
    folder = tmp_path_factory.mktemp("batch")
    with suppress(UserError):
        listed = read(folder, text.getvalue().encode("utf-8", "replace"))
        assert len(listed.requests) + len(listed.refused) >= 1
        assert all(len(reason) < 500 for reason in listed.refused.values())
