"""List the files of a folder: hidden ones are passed over, links to folders are followed, each real folder once."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from atelier.common.errors import UserError

MAX_KINDS = 20  # kinds of files that are counted by themselves
_OTHERS = "others"


@dataclass(frozen=True)
class FoundFile:
    """A plain file, or a link to one: `name` is below the listed folder, with "/" between its parts.

    `folder` is where the file must lie and `inner` its name in there: the listed folder, or the folder outside of it
    to which a link on the way leads.
    """

    name: str
    folder: Path
    inner: str

    @property
    def path(self) -> Path:
        """The file, to be opened."""
        return self.folder / self.inner

    @property
    def leads_out(self) -> bool:
        """Whether the file is a link to a file outside of its folder."""
        return not _is_below(self.path.resolve(), self.folder.resolve())


@dataclass(frozen=True)
class Listing:
    """The files of a folder, sorted by name, and the kinds of the entries that are none, by name."""

    files: list[FoundFile]
    others: dict[str, str]

    @property
    def skipped(self) -> Counter[str]:
        """How many entries are no files, by kind."""
        return Counter(self.others.values())


def list_files(root: Path, *, below: bool = True) -> Listing:
    """List the plain files of a folder, and of the folders below it, sorted by name.

    A link to a folder is followed unless that folder has been read already or contains the listed one, so that loops
    end. A file's link is listed, wherever it leads (see `FoundFile.leads_out`).

    Args:
        below: whether to list the folders below it as well.

    Raises:
        UserError: the folder cannot be read.
    """
    found, others = [], {}
    real_root = root.resolve()
    seen, links = {real_root}, [FoundFile("", root, "")]
    while links:  # real folders first: a folder inside keeps its own name, whatever link leads there
        start, links = links, []
        for link in start:
            real = link.path.resolve()
            if link.name:
                if real in seen or _is_below(real_root, real):
                    others[link.name] = "link to a folder read already"
                    continue
                inside = any(_is_below(real, home.resolve()) for home in (root, link.folder))
                link = link if inside else FoundFile(link.name, link.path, "")
            links += _walk(link, seen, found, others, below)
    return Listing(sorted(found, key=lambda file: file.name), others)


def _walk(
    start: FoundFile, seen: set[Path], found: list[FoundFile], others: dict[str, str], below: bool
) -> list[FoundFile]:
    """Collect the files of a folder and of its real folders below; return the links to folders."""
    links, folders = [], [start]
    while folders:
        folder = folders.pop()
        real = folder.path.resolve()
        if folder is not start and real in seen:
            continue
        seen.add(real)
        try:
            entries = sorted(os.scandir(folder.path), key=lambda entry: entry.name)
        except OSError as error:
            if not folder.name:
                raise UserError(f"{folder.path}: {error.strerror}") from None
            others[folder.name] = "folder that cannot be read"
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            one = FoundFile(join(folder.name, entry.name), folder.folder, join(folder.inner, entry.name))
            kind = _kind_of(entry)
            if kind == "file":
                found.append(one)
            elif kind not in ("folder", "link"):
                others[one.name] = kind
            elif below:
                (folders if kind == "folder" else links).append(one)
            else:
                others[one.name] = "folder"
    return links


def _kind_of(entry: "os.DirEntry[str]") -> str:
    """Return "file", "folder", "link" (to a folder), or what else an entry is."""
    try:
        if entry.is_dir():
            return "link" if entry.is_symlink() else "folder"
        if entry.is_file():
            return "file"
        return "no plain file" if not entry.is_symlink() or Path(entry.path).exists() else "broken link"
    except OSError:  # a link to itself
        return "broken link"


def is_file(path: Path) -> bool:
    """Whether a plain file is there; False for a name that the system cannot hold, too."""
    try:
        return path.is_file()
    except OSError:
        return False


def join(folder: str, name: str) -> str:
    """Return a name below a folder, with "/" between its parts; "" is the listed folder itself."""
    return f"{folder}/{name}" if folder else name


def count_kinds(names: Iterable[str]) -> Counter[str]:
    """Count files by extension, such as ".avif"; unusual and rare ones as "others"."""
    kinds = Counter(PurePosixPath(name).suffix.lower() or "no extension" for name in names)
    common = {kind for kind, _ in kinds.most_common(MAX_KINDS) if re.fullmatch(r"[.a-z0-9_ -]{1,20}", kind)}
    counts: Counter[str] = Counter()
    for kind, count in kinds.items():
        counts[kind if kind in common else _OTHERS] += count
    return counts


def _is_below(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents
