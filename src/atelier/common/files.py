"""Atomic writes, reading of plain files, and digests of files and folders."""

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from atelier.common.errors import UserError


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path for a file or folder; rename it to `path` when the block ends without an exception.

    A partially written file never appears under its final name, and nothing is left behind after an exception.
    """
    partial = path.with_name(path.name + ".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    remove(partial)
    try:
        yield partial
        if partial.is_dir():  # a non-empty folder can't be replaced by a rename
            remove(path)
        partial.replace(path)
    finally:
        remove(partial)


def remove(path: Path) -> None:
    """Remove a file or folder if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8) atomically."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a report as indented JSON, its keys in the given order; NaN and infinity raise ValueError."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def open_plain(path: Path, limit: int | None = None) -> BinaryIO:
    """Open a plain file to read bytes; links are followed, and a FIFO or a device is never waited for.

    Args:
        limit: largest size in bytes; None: any.

    Raises:
        UserError: there is no such file, it cannot be opened, is not a plain file, or is larger than `limit`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:  # ValueError: a name with NUL or that cannot be encoded
        raise UserError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
        raise UserError(f"{path}: is {kind}, not a plain file")
    if limit is not None and status.st_size > limit:
        os.close(descriptor)
        raise UserError(f"{path}: {status.st_size:,} bytes; the limit is {limit:,}")
    return os.fdopen(descriptor, "rb")


def read_plain_text(path: Path, limit: int) -> str:
    """Read a plain UTF-8 text file of at most `limit` bytes, without its byte order mark.

    Raises:
        UserError: as `open_plain`, or the file is not UTF-8.
    """
    with open_plain(path, limit) as stream:
        content = stream.read(limit + 1)  # the file may have grown, or not tell its size
    if len(content) > limit:
        raise UserError(f"{path}: more than {limit:,} bytes, the limit")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start})") from None


def digest(path: Path, pattern: str = "*") -> str:
    """Return the SHA-256 (hex) of a file, or of the sorted relative names and contents of a folder's matching files.

    Raises:
        UserError: `path` does not exist.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    total = hashlib.sha256()
    for file in sorted(p for p in path.rglob(pattern) if p.is_file()) if path.is_dir() else [path]:
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256")
        if path.is_file():
            return content.hexdigest()
        total.update(f"{file.relative_to(path).as_posix()}\0{content.hexdigest()}\n".encode())
    return total.hexdigest()
