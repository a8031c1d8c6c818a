"""Only plain files are opened, at once, and only below the folder that may be read; libraries stay silent."""

import os
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from schema_files import as_bytes

from atelier.common.errors import RefusedError
from atelier.images import opening
from atelier.images.decode import PictureFile, decode_mask, decode_picture
from atelier.images.frames import Picture
from atelier.images.opening import open_file, open_picture

UNHOLDABLE = ["a" * 300, "ä" * 200, "/".join(["a" * 200] * 30), "a\0b", "a\ud800b", "b.png/b", "loop/x"]
GREY = Image.fromarray(np.tile(np.arange(0, 240, 4, dtype=np.uint8), (40, 1)))  # 60 × 40


@pytest.mark.parametrize("name", ["absent", *UNHOLDABLE])
def test_a_name_that_no_file_can_have_is_no_such_file(tmp_path, name):
    (tmp_path / "b.png").write_bytes(b"1")
    (tmp_path / "loop").symlink_to("loop")
    for value in (PictureFile(tmp_path, name), {"bytes": None, "path": f"{tmp_path}/{name}"}):
        with pytest.raises(RefusedError, match=r"^no such file$"):
            decode_picture(value)


@pytest.mark.parametrize("kind", ["fifo", "link to a fifo", "socket", "device", "endless", "folder"])
def test_what_is_not_a_plain_file_is_refused_at_once(tmp_path, kind):
    path = tmp_path / "x.png"
    os.mkfifo(tmp_path / "fifo")
    listening = socket.socket(socket.AF_UNIX)
    if kind == "socket":
        listening.bind(str(path))
    elif kind == "folder":
        path.mkdir()
    else:
        targets = {"device": "/dev/null", "endless": "/dev/zero", "link to a fifo": "fifo", "fifo": None}
        path.symlink_to(targets[kind]) if targets[kind] else os.mkfifo(path)
    with listening:
        for value in ({"bytes": None, "path": str(path)}, *([PictureFile(tmp_path, "x.png")] * ("/dev" not in kind))):
            with pytest.raises(RefusedError, match=r"^not a plain file$|leads out"):
                decode_picture(value)
        with pytest.raises(RefusedError, match=r"^unreadable mask$"):
            decode_mask({"bytes": None, "path": str(path)}, Picture(GREY, GREY.size, 1))


def test_links_stay_below_the_root_which_may_be_a_link_itself(tmp_path):
    for folder in ("data/a", "data/b"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("data/b/x.png", "outside.png", "data2.png"):
        GREY.save(tmp_path / name)
    (tmp_path / "root").symlink_to("data")
    links = {"in": "../b/x.png", "out": "../../outside.png", "near": "../../data2.png", "gone": "../../data/none"}
    for name, target in {**links, "absolute": str(tmp_path / "outside.png")}.items():
        (tmp_path / "data/a" / name).symlink_to(target)
    (tmp_path / "data/away").symlink_to(tmp_path)
    root = tmp_path / "root"
    assert decode_picture(PictureFile(root / "a", "in", root)).pixels.size == (60, 40)
    for value, reason in {
        PictureFile(root / "a", "in"): "name leads out of its folder",  # below the source's root, not below its folder
        PictureFile(root / "a", "out", root): "name leads out of its folder",
        PictureFile(root / "a", "near", root): "name leads out of its folder",
        PictureFile(root / "a", "absolute", root): "name leads out of its folder",
        PictureFile(root, "away/outside.png"): "name leads out of its folder",
        PictureFile(root / "a", "gone", root): "no such file",
    }.items():
        with pytest.raises(RefusedError, match=f"^{reason}$"):
            decode_picture(value)


def test_a_file_that_is_too_large_is_refused_and_none_stays_open(tmp_path, monkeypatch):
    (tmp_path / "large.png").write_bytes(as_bytes(GREY) + bytes(5000))
    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(opening, "MAX_BYTES", 4000)
    for path, reason in ((tmp_path / "large.png", "file too large"), (tmp_path, "not a plain file")):
        for _ in range(3):
            with pytest.raises(RefusedError, match=reason):
                open_file(path)
    with open_picture(as_bytes(GREY)) as picture:
        assert picture.size == (60, 40)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    "value", [7, "x.png", {"bytes": 5}, {"bytes": "x"}, {"path": 5.0}, {"path": float("nan")}, [b"x"]]
)
def test_a_value_that_is_no_picture_is_refused(value):
    with pytest.raises(RefusedError, match=r"^(not a|no) picture$"):
        decode_picture(value)


@pytest.mark.filterwarnings("ignore::UserWarning")  # as `opening` does, which pytest undoes
def test_damaged_tiffs_leave_stderr_to_others(capfd):
    """libtiff writes there by itself, past Python."""
    rng = np.random.default_rng(2)
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "group4", "jpeg", "packbits", "raw"):
        whole = as_bytes(GREY.convert("1" if compression == "group4" else "RGB"), "TIFF", compression=compression)
        for cut in range(12):
            damaged = bytearray(whole[: len(whole) - cut * 5])
            for position in rng.integers(8, len(damaged), size=6):
                damaged[position] = rng.integers(256)
            try:
                decode_picture(bytes(damaged))
            except RefusedError:
                continue
    os.write(2, b"of another\n")
    print("of Python", file=sys.stderr)
    assert capfd.readouterr().err == "of another\nof Python\n"
