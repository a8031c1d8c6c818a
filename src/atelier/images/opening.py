"""Open pictures of untrusted sources: encoded bytes, plain files below a folder, files on the hub, or PIL images.

Nothing is decoded here: the header alone is read. Pictures with more than `tensors.MAX_PIXELS` pixels are refused.
"""

import ctypes
import io
import logging
import os
import re
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, PngImagePlugin

from atelier.common.errors import RefusedError, UserError
from atelier.common.files import open_plain
from atelier.images.tensors import MAX_PIXELS

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
MAX_BYTES = 2**29  # larger files are refused: the largest picture allowed, 16-bit RGBA without compression, fits
HUB = "hf://"  # prefix by which `datasets` names a file on the hub


@dataclass(frozen=True)
class PictureFile:
    """A picture file that a data set names: `name` is relative to `folder` and must stay inside it.

    Links may lead from it to any file below `root` (None: below `folder`).
    """

    folder: Path
    name: str
    root: Path | None = None


PngImagePlugin.MAX_TEXT_CHUNK = 2**24  # bytes; its 1 MiB refuses pictures with a printer's profile


def _silence_libraries() -> None:
    """Keep Pillow and libtiff from writing about damaged files on stderr: such files are refused with a reason.

    Done once, when this module is imported: warning filters, loggers and libtiff's handlers are shared by all threads.
    """
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # damaged metadata
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # its own, lower limit of pixels
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    library = ctypes.CDLL(Image.core.__file__)  # finds the symbols of the libtiff that Pillow is linked with
    for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
        if set_handler := getattr(library, name, None):  # None: Pillow without libtiff, or with hidden symbols
            set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
            set_handler(None)


_silence_libraries()


def check_name(name: str) -> str:
    """Return a file name of a data set unchanged if it stays below its folder.

    Raises:
        RefusedError: the name is absolute, a URL, or contains "..".
    """
    if "://" in name or re.match(r"[/\\]|[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
        raise RefusedError("name leads out of its folder")
    return name


@contextmanager
def open_picture(value: Any) -> Iterator[Image.Image]:
    """Open a picture without decoding it: read its header and check its size. Decode it inside the block.

    Args:
        value: encoded bytes, {"bytes": …, "path": …} as `datasets` returns it, a PictureFile, or a PIL image.

    Raises:
        RefusedError: the picture is missing, outside its folder, not a plain file, of an unknown format, or larger
            than MAX_PIXELS.
        UserError: a file on the hub cannot be fetched.
    """
    if isinstance(value, Image.Image):
        yield _check_size(value)
        return
    with _open_content(value) as content:
        yield _open_header(content)


def _open_header(content: BinaryIO) -> Image.Image:
    try:
        return _check_size(Image.open(content, formats=FORMATS))
    except Image.DecompressionBombError:
        raise RefusedError("too many pixels") from None
    except RefusedError:
        raise
    except MemoryError:
        raise
    except Exception:  # Pillow's readers of headers raise OSError, struct.error, SyntaxError, KeyError and others
        raise RefusedError("not a picture") from None


def _check_size(picture: Image.Image) -> Image.Image:
    if picture.width * picture.height > MAX_PIXELS:
        raise RefusedError("too many pixels")
    return picture


def _open_content(value: Any) -> BinaryIO:
    if isinstance(value, PictureFile):
        return open_file(value.folder / check_name(value.name), value.root or value.folder)
    data = value.get("bytes") if isinstance(value, dict) else value
    path = value.get("path") if isinstance(value, dict) else None
    if data:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise RefusedError("not a picture")
        return io.BytesIO(data)
    if not path or not isinstance(path, str | Path):
        raise RefusedError("no picture")
    return io.BytesIO(_fetch(path)) if str(path).startswith(HUB) else open_file(Path(path))


def open_file(path: Path, root: Path | None = None) -> BinaryIO:
    """Open a plain file that a data set names.

    Args:
        root: the file, all links followed, must lie below this folder, which may be a link itself; None: anywhere.

    Raises:
        RefusedError: "no such file" (also for a name that the system cannot hold), "not a plain file", "file too
            large", "unreadable file" or "name leads out of its folder".
    """
    try:
        real = Path(os.path.realpath(path))
        if root is not None and not real.is_relative_to(os.path.realpath(root)):
            raise RefusedError("name leads out of its folder")
        return open_plain(real, MAX_BYTES)
    except UserError:
        raise RefusedError(_why_not_opened(real)) from None
    except RefusedError:
        raise
    except ValueError:  # a NUL in the name, or characters that cannot be encoded
        raise RefusedError("no such file") from None


def _why_not_opened(path: Path) -> str:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return "no such file"
    if not stat.S_ISREG(status.st_mode):
        return "not a plain file"
    return "file too large" if status.st_size > MAX_BYTES else "unreadable file"


def _fetch(address: str | Path) -> bytes:
    from fsspec import open as open_remote  # a dependency of `datasets`; local sources do not need it

    try:
        with open_remote(address, "rb") as stream:
            return stream.read()
    except Exception as error:  # a failure of hub or network would affect the following rows as well
        raise UserError(f"{address}: cannot be fetched: {' '.join(str(error).split())[:300]}") from None
