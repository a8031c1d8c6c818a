"""Types of command line options. They refuse what can only fail later: names that no file system has, outputs that
cannot be written, numbers that are not finite.
"""

import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import click

from atelier.common.errors import UserError

LONGEST_NAME, LONGEST_PATH, LONGEST_TEXT = 255, 4095, 10_000  # bytes, bytes, characters


def check_path(path: Path) -> None:
    """Refuse a path that no file can have.

    Raises:
        UserError: it holds a NUL, or it or one of its names is too long.
    """
    if "\0" in str(path):
        raise UserError(f"{path}: a path cannot hold a NUL character")
    if len(os.fsencode(path)) > LONGEST_PATH or any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts):
        raise UserError(f"{path}: the name is too long; at most {LONGEST_NAME} bytes each, {LONGEST_PATH} in all")


def check_output(path: Path, *, folder: bool = False) -> None:
    """Refuse an output that cannot be written, before any work is done for it.

    Args:
        folder: the output is a folder, which may be there already; else it is a file, and one there is replaced.

    Raises:
        UserError: the path is below a file, is something else already, or must not be written.
    """
    check_path(path)
    status, found = _nearest(path)
    if found == path and not folder:
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or a device"
            raise UserError(f"{path}: is {kind}; expected the name of a file to write")
        status, found = _nearest(path.parent)
    if not stat.S_ISDIR(status.st_mode):
        raise UserError(f"{path}: {'this' if found == path else found} is not a folder")
    try:  # permissions alone do not tell: root has all of them, also in /proc and where the disk is read-only
        tempfile.TemporaryDirectory(prefix=".partial-", dir=found).cleanup()
    except OSError as error:
        raise UserError(f"{path}: cannot write in {'it' if found == path else found}: {error.strerror}") from None


def _nearest(path: Path) -> tuple[os.stat_result, Path]:
    """Return the status of the path or of the nearest folder above it that exists, and which that is."""
    for place in (path, *path.parents):
        try:
            return place.stat(), place
        except (FileNotFoundError, NotADirectoryError):
            if place.is_symlink() and place != path:
                raise UserError(f"{path}: {place} is a link to nothing") from None
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from None
    raise UserError(f"{path}: the working directory does not exist")


def echo_path(path: Path) -> None:
    """Print a path on stdout as the bytes that the system knows it by, whatever stdout's encoding."""
    click.echo(os.fsencode(path))


class PathType(click.Path):
    """A path that a file can have; with `output`, one that can be written."""

    def __init__(self, output: str | None = None) -> None:
        super().__init__(path_type=Path)
        self._output = output  # None, "file" or "folder"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path; a `UserError` becomes click's."""
        if not str(value).strip():
            self.fail("is empty; expected a path", param, ctx)
        try:
            check_path(Path(value))
            if self._output:
                check_output(Path(value), folder=self._output == "folder")
        except UserError as error:
            self.fail(str(error), param, ctx)
        return super().convert(value, param, ctx)


class Number(click.FloatRange):
    """A finite number in a range; `click.FloatRange` takes NaN."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        number = super().convert(value, param, ctx)
        if number != number:  # NaN, which no comparison with a bound finds
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


class TextType(click.ParamType):
    """A text of at most `LONGEST_TEXT` characters, without NUL and halves of characters; blank only if allowed."""

    name = "text"

    def __init__(self, *, blank: bool = False) -> None:
        self._blank = blank

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text unchanged."""
        if not (self._blank or value.strip()):
            self.fail("is empty", param, ctx)
        if len(value) > LONGEST_TEXT:
            self.fail(f"{len(value):,} characters; the limit is {LONGEST_TEXT:,}", param, ctx)
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            self.fail("holds a NUL character or bytes that are not UTF-8", param, ctx)
        return value


PATH = PathType()  # no `exists=True`: the code that opens the file raises a UserError that names it
OUT_FILE, OUT_FOLDER = PathType("file"), PathType("folder")
TEXT, FREE_TEXT = TextType(), TextType(blank=True)
SEED = click.IntRange(0, 2**31 - 1)
THREADS = click.IntRange(0, 1024)  # 0: all cores
COUNT = click.IntRange(1, 1_000_000)
RATE = Number(0, 100, min_open=True)  # a learning rate
SCALE = Number(0, 1000)  # of guidance
