"""Folders with links, loops, pipes and odd names; JSON lines and CSV with bad lines."""

import os

import pytest

from atelier.common import json_lines
from atelier.common.csv_rows import read_csv
from atelier.common.errors import UserError
from atelier.common.json_lines import read_json_lines
from atelier.common.listing import count_kinds, is_file, list_files


@pytest.fixture(name="folder")
def _folder(tmp_path):
    """A folder with a file in each place, and links inside, out, up and in a loop."""
    for name in ("in/a.png", "in/sub/b.png", "in/.hidden/c.png", "out/d.png", "out/deep/e.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    links = {"again": "sub", "more": tmp_path / "out", "sub/up": "..", "above": tmp_path, "file.png": "../out/d.png",
             "inside.png": "sub/b.png", "gone.png": "none.png", "loop": "loop"}  # fmt: skip
    for name, target in links.items():
        (tmp_path / "in" / name).symlink_to(target)
    (tmp_path / "out" / "back").symlink_to(tmp_path / "in")
    os.mkfifo(tmp_path / "in" / "pipe.png")
    return tmp_path / "in"


def test_links_to_folders_are_followed_once_each_and_loops_end(folder):
    listing = list_files(folder)
    names = ["a.png", "file.png", "inside.png", "more/d.png", "more/deep/e.png", "sub/b.png"]
    assert [file.name for file in listing.files] == names
    assert [file.name for file in listing.files if file.leads_out] == ["file.png"]
    assert all(file.path.samefile(folder / file.name) for file in listing.files)
    assert listing.skipped == {"link to a folder read already": 4, "broken link": 2, "no plain file": 1}


def test_a_folder_by_itself_and_through_a_link(folder, tmp_path):
    listing = list_files(folder, below=False)
    assert [file.name for file in listing.files] == ["a.png", "file.png", "inside.png"]
    assert listing.skipped["folder"] == 4
    (tmp_path / "link").symlink_to(folder)
    assert [file.name for file in list_files(tmp_path / "link").files if file.leads_out] == ["file.png"]
    with pytest.raises(UserError, match="none: No such file"):
        list_files(tmp_path / "none")


def test_files_are_counted_by_kind():
    names = ["a.AVIF", "b.avif", "notes", "c.tar.gz", "d.é", *(f"{n}.{n}" for n in range(30))]
    counts = count_kinds(names)
    assert (counts[".avif"], counts["no extension"], counts.total(), len(counts)) == (2, 1, 35, 20)


def test_a_name_that_the_system_cannot_hold_is_no_file(tmp_path):
    assert not any(is_file(tmp_path / name) for name in ("a" * 300, "a\0b", "a\ud800"))


def test_json_lines_are_read_each_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(json_lines, "MAX_LINE", 40)
    good = '{"a": "\u2028é"}'.encode()
    lines = [
        b"\xef\xbb\xbf" + good,
        b"",
        b"  ",
        '{"a": "é"}'.encode("latin-1"),
        b"{",
        b"[1]",
        b"[" * 39,
        b"x" * 99,
        good,
    ]
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(lines))
    found = list(read_json_lines(tmp_path / "rows.jsonl"))
    assert [line.number for line in found] == [1, 4, 5, 6, 7, 8, 9]
    wrong = ["line is no JSON object"] * 3
    assert [line.problem for line in found] == ["", "line is not UTF-8", *wrong, "line over 0 MiB", ""]
    assert found[0].row == found[-1].row == {"a": "\u2028é"}


@pytest.mark.parametrize("reader", [lambda file: list(read_json_lines(file)), read_csv])
def test_a_pipe_is_never_waited_for(tmp_path, reader):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="is a pipe or a device, not a plain file"):
        reader(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n\xff,3\n", "not CSV in UTF-8: line 3 is not UTF-8"),
        (b"a,b,a\n1,2,3\n", "column 'a' occurs twice"),
        (b"a,b\n1," + b"x" * 200_000 + b"\n", "line 2: field larger than field limit"),
    ],
)
def test_a_file_that_is_no_csv_is_refused_in_one_line(tmp_path, content, message):
    (tmp_path / "rows.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_csv(tmp_path / "rows.csv")


def test_rows_of_csv(tmp_path):
    (tmp_path / "rows.csv").write_bytes('\ufeffa,b\n1\n\n"é\n,",2,3\n'.encode())
    columns, rows = read_csv(tmp_path / "rows.csv")
    assert (columns, rows) == (["a", "b"], [(2, {"a": "1", "b": ""}), (5, {"a": "é\n,", "b": "2", None: ["3"]})])
