"""Atomic writes, JSON reports and digests."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from atelier.common.errors import UserError
from atelier.common.files import atomic_write, digest, open_plain, read_plain_text, write_json


def test_a_file_appears_only_when_complete(tmp_path):
    path = tmp_path / "deep" / "rows.csv"
    with atomic_write(path) as partial:
        partial.write_text("a")
        assert not path.exists()
    assert path.read_text() == "a"
    assert [file.name for file in path.parent.iterdir()] == ["rows.csv"]


def test_after_an_exception_only_the_old_file_remains(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("old")

    def write_half() -> None:
        with atomic_write(path) as partial:
            partial.write_text("ne")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_replaces_the_old_one(tmp_path):
    path = tmp_path / "sheets"
    for folder in (path, tmp_path / ".partial-00112233"):  # the second was left by a run that was killed
        folder.mkdir()
        (folder / "stale.png").write_text("old")
    with atomic_write(path) as partial:
        partial.mkdir()
        (partial / "new.png").write_text("new")
    assert [file.name for file in path.iterdir()] == ["new.png"]
    assert list(tmp_path.iterdir()) == [path]


def test_json_keeps_key_order_and_unicode(tmp_path):
    path = tmp_path / "report.json"
    write_json(path, {"z": {"ΔE": 1.5}, "a": 2})
    assert path.read_text(encoding="utf-8") == '{\n  "z": {\n    "ΔE": 1.5\n  },\n  "a": 2\n}\n'
    assert list(json.loads(path.read_text())) == ["z", "a"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_rejects_nan_and_infinity(tmp_path, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "report.json", {"loss": value})
    assert list(tmp_path.iterdir()) == []


def test_digest_of_a_file_is_sha256_of_its_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"atelier")
    assert digest(tmp_path / "a") == hashlib.sha256(b"atelier").hexdigest()
    with pytest.raises(UserError, match="no such file"):
        digest(tmp_path / "none")


def test_digest_of_a_folder_depends_only_on_names_and_contents(tmp_path):
    def build(name: str, files: dict[str, str]) -> str:
        for file, text in files.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return digest(tmp_path / name)

    files = {"a": "1", "b/c": "2"}
    reference = build("one", files)
    assert build("two", dict(reversed(files.items()))) == reference
    os.utime(tmp_path / "two" / "a", (0, 0))
    assert digest(tmp_path / "two") == reference
    changed = [{"a": "1", "b/c": "3"}, {"a": "1", "b/d": "2"}, {"a": "1"}, {"a": "2", "b/c": "1"}]
    assert len({reference, *(build(f"other{n}", other) for n, other in enumerate(changed))}) == 5


def test_only_plain_files_within_the_limit_are_opened_and_nothing_is_waited_for(tmp_path):
    (tmp_path / "plain").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("plain")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("plain", "link"):
        with open_plain(tmp_path / name, 5) as stream:
            assert stream.read() == b"12345"
    for path, limit, reason in [
        (tmp_path / "plain", 4, "5 bytes; the limit is 4"), (tmp_path / "pipe", None, "a pipe or a device"),
        (tmp_path, None, "a folder"), (Path("/dev/zero"), 4, "a pipe or a device"), (tmp_path / "none", 4, "No such"),
        (tmp_path / "plain" / "below", 4, "Not a directory"), (tmp_path / ("n" * 300), 4, "name too long"),
        (tmp_path / "loop", 4, "symbolic links"), (tmp_path / "a\0b", 4, "null"), (tmp_path / "\ud800", 4, "encode"),
    ]:  # fmt: skip
        with pytest.raises(UserError, match=reason):
            open_plain(path, limit)


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"abc\xc3\xa9", "abcé"), (b"\xef\xbb\xbfabc", "abc"), (b"", ""), (b"a\xff", None), (b"1234567", None)],
)
def test_text_is_utf8_within_the_limit(tmp_path, content, text):
    (tmp_path / "file").write_bytes(content)
    if text is not None:
        assert read_plain_text(tmp_path / "file", 6) == text
        return
    with pytest.raises(UserError, match=r"not UTF-8 text \(byte 1\)|7 bytes; the limit is 6"):
        read_plain_text(tmp_path / "file", 6)
    if Path("/proc/self/status").exists():  # says that its size is 0
        with pytest.raises(UserError, match="more than 6 bytes"):
            read_plain_text(Path("/proc/self/status"), 6)
