"""Files that are complete or absent: atomic writes and removals; reading of plain files; digests.

A file or folder is made in a private folder beside its destination (`.partial-…`), synced to disk, and renamed. The
owner holds a lock on the private folder, so that the next process removes what a killed one left, and nothing else.
"""

import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from atelier.common.errors import UserError

_PARTIAL = ".partial-"
_swept: set[Path] = set()  # folders in which this process has removed what killed processes left


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path for a file or folder; sync it and rename it to `path` when the block ends.

    A partially written file never appears under its final name, nothing is left behind after an exception, and the
    files have the permissions that the umask gives, whatever wrote them. A folder replaces what is at `path`.

    Raises:
        OSError: the file system refuses; the error names `path`.
    """
    with _private_folder(path) as folder:
        partial = folder / path.name
        yield partial
        _settle(partial, folder.stat().st_mode)
        old = folder / ".old"
        if partial.is_dir() and path.exists():  # a folder that is not empty can't be replaced by a rename
            path.rename(old)
        try:
            partial.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
        _sync(path.parent)


def remove(path: Path) -> None:
    """Remove a file or folder if it exists. A folder vanishes at once: it is renamed before its files are removed."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        with _private_folder(path) as folder:
            path.rename(folder / path.name)


@contextmanager
def _private_folder(path: Path) -> Iterator[Path]:
    """Make a locked folder beside `path`, removed after the block; name `path` in the block's OSErrors."""
    parent = path.parent
    folder, lock = parent, -1
    try:
        parent.mkdir(parents=True, exist_ok=True)
        if parent.resolve() not in _swept:
            _sweep(parent)
            _swept.add(parent.resolve())
        while lock < 0:
            folder = parent / f"{_PARTIAL}{secrets.token_hex(8)}"
            folder.mkdir()
            lock = _lock(folder)
        yield folder
    except OSError as error:
        name = str(error.filename or folder)
        if folder != parent and not name.startswith(str(folder)) and name != str(parent):
            raise  # of another file, such as one that the block reads
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error
    finally:
        if lock >= 0:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path, wait: bool = True) -> int:
    """Lock a folder; return the descriptor that holds the lock, -1 if the folder is gone or another process's."""
    descriptor = -1
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        if os.path.samestat(os.fstat(descriptor), folder.stat()):
            return descriptor
    except FileNotFoundError:
        pass  # removed by another process between its creation and the lock
    except OSError as error:
        if wait and error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            return descriptor  # this file system has no locks: others leave the folder alone
        if wait:
            raise
    if descriptor >= 0:
        os.close(descriptor)
    return -1


def _sweep(parent: Path) -> None:
    """Remove the private folders that killed processes left in `parent`."""
    for folder in parent.glob(f"{_PARTIAL}*"):
        lock = _lock(folder, wait=False)
        if lock >= 0:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _settle(path: Path, mode: int) -> None:
    """Give a file, or a folder and all in it, at least the permissions of `mode`, and sync it to disk."""
    if path.is_symlink():
        return
    folder = path.is_dir()
    for entry in path.iterdir() if folder else ():
        _settle(entry, mode)
    own = path.stat().st_mode
    wanted = own | mode & (0o777 if folder else 0o666)
    if wanted != own:
        path.chmod(wanted)  # safetensors writes files that only their owner can read
    _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems can't sync folders
            raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        os.close(descriptor)


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
        UserError: `path` does not exist, or is a pipe or a device.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    total = hashlib.sha256()
    for file in sorted(p for p in path.rglob(pattern) if p.is_file()) if path.is_dir() else [path]:
        with open_plain(file) as stream:
            content = hashlib.file_digest(stream, "sha256")
        if file == path:
            return content.hexdigest()
        name = file.relative_to(path).as_posix()
        total.update(f"{name}\0{content.hexdigest()}\n".encode(errors="surrogateescape"))  # names may be no UTF-8
    return total.hexdigest()
