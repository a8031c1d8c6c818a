"""Folders that are written once and checked when they are read: a manifest holds the size and SHA-256 of each file."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atelier.common.files import atomic_write, remove
from atelier.common.notices import notice

_MANIFEST = "manifest.json"


class DamagedError(ValueError):
    """Why a sealed folder is not what was written."""


@contextmanager
def write_sealed(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder; seal its files with a manifest and rename it to `folder` when the block ends.

    Raises:
        OSError: the file system refuses; the error names `folder`.
    """
    with atomic_write(folder) as partial:
        partial.mkdir()
        yield partial
        (partial / _MANIFEST).write_text(json.dumps(_measure(partial)), encoding="utf-8")


def check_sealed(folder: Path) -> None:
    """Read all files of a sealed folder and compare them with its manifest.

    Raises:
        DamagedError: a file is missing, added, or not as it was written.
    """
    if not (folder / _MANIFEST).is_file():
        raise DamagedError("no manifest")
    try:
        recorded = json.loads((folder / _MANIFEST).read_bytes())
    except (ValueError, RecursionError):
        raise DamagedError("unreadable manifest") from None
    found = _measure(folder)
    if recorded != found:
        known = recorded if isinstance(recorded, dict) else {}
        names = sorted(name for name in {*known, *found} if known.get(name) != found.get(name))
        raise DamagedError(f"{', '.join(names)} not as written")


def set_aside(folder: Path, reason: str) -> None:
    """Rename a damaged file or folder to `damaged-…`, so that it is neither used nor lost, and say so in one line."""
    kept = folder.with_name(f"damaged-{folder.name}")
    remove(kept)
    folder.rename(kept)
    notice(f"{folder}: damaged ({reason}); set aside as {kept.name}")


def _measure(folder: Path) -> dict[str, list[int | str]]:
    """Return [size in bytes, SHA-256] of each file of a folder but the manifest, by name."""
    found: dict[str, list[int | str]] = {}
    for path in sorted(folder.iterdir()):
        if not path.is_file():
            found[path.name] = []  # a folder or a pipe in place of a file
        elif path.name != _MANIFEST:
            with path.open("rb") as stream:
                found[path.name] = [path.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest()]
    return found
