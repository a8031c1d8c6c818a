"""The stored shots: zip files of packed shots, and an index with the facts of each, so that choosing opens no shot.

`python -m shoot.pack` makes them. The index has the place of each shot within its zip file, which is stored without
compression, so that reading a shot is reading one stretch of a file.
"""

import json
import lzma
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from PIL import UnidentifiedImageError

from atelier.common.errors import UserError
from atelier.world.compose import Shot
from atelier.world.shotfile import unpack

INDEX = "index.json"
Stored = Literal["world", "products", "lying"]  # people in outfits; products; people whole and deformed
VARIABLES: dict[Stored, str] = {"world": "ATELIER_WORLD", "products": "ATELIER_PRODUCTS", "lying": "ATELIER_LYING"}
_OPEN = 48  # shots that stay open
_TWINS = ("t", "x")  # the name of a twin is that of its original and one of these: another cut, a deformed body
LEAST = 3  # shots of an item that has enough of them
Part = Literal["base", "study"]
_STUDY_FIFTHS = {"studio": 3, "street": 2}  # of five pairs of outfits, so many are the studies'; of other domains 2


@dataclass(frozen=True)
class Entry:
    """Where a shot lies: its zip file, and offset, size and CRC-32 of its bytes."""

    shard: str
    offset: int
    size: int
    crc: int


@dataclass(frozen=True)
class ShotItem:
    """An outfit, a product or a whole person, and the names of the shots that show it in its own cut, in order."""

    number: int
    domain: str
    shots: tuple[str, ...]


class Shards:
    """The stored shots of a folder.

    Attributes:
        facts: of each shot by its name, sorted: item, domain, twin, what `shoot.pack` keeps of the domain, and
            `side`, px; `seen`, the share of the picture that each layer covers; and `shades`, the median shade by which
            a layer's colour is set (null: not seen): a twin has that of its original, so that both have one colour.
    """

    def __init__(self, folder: Path) -> None:
        """Read the index.

        Raises:
            UserError: there is none, or it cannot be read.
        """
        self.folder = folder
        path = folder / INDEX
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))["shots"]
            self.facts: dict[str, dict[str, Any]] = {name: stored[name]["facts"] for name in sorted(stored)}
            self._entries = {name: Entry(*stored[name]["place"]) for name in stored}
        except FileNotFoundError:
            raise UserError(f"{path}: there are no stored shots; make them with python -m shoot.pack") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: not an index of stored shots: {error}") from None
        self.shot = lru_cache(_OPEN)(self._open)

    def read(self, name: str) -> bytes:
        """Return the packed shot.

        Raises:
            UserError: there is no such shot, or its file is missing or damaged.
        """
        if name not in self._entries:
            raise UserError(f"{self.folder}: there is no shot {name!r}; the index has {len(self._entries)} shots")
        entry = self._entries[name]
        path = self.folder / entry.shard
        try:
            file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror}") from None
        try:
            data = os.pread(file, entry.size, entry.offset)
        finally:
            os.close(file)
        if zlib.crc32(data) != entry.crc:
            raise UserError(f"{path}: damaged at shot {name}; pack the shots again or fetch the file again")
        return data

    def _open(self, name: str) -> Shot:
        """Open a shot; `shot` keeps the last ones open."""
        try:
            return Shot(unpack(self.read(name)), self.facts[name]["shades"])
        except (ValueError, KeyError, IndexError, lzma.LZMAError, UnidentifiedImageError) as error:
            raise UserError(f"{self.folder}: shot {name} cannot be unpacked: {error}") from None

    def twin(self, name: str) -> str | None:
        """Return the name of the shot that differs in the cut of one garment, or is deformed; None: there is none."""
        return next((other for end in _TWINS if (other := name + end) in self.facts), None)

    @cached_property
    def _items(self) -> tuple[ShotItem, ...]:
        of_item: dict[int, list[str]] = {}
        for name, facts in self.facts.items():
            if not (facts["twin"] and original_of(name) in self.facts):
                of_item.setdefault(facts["item"], []).append(name)
        return tuple(
            ShotItem(number, self.facts[names[0]]["domain"], tuple(names)) for number, names in sorted(of_item.items())
        )

    def items(self, domain: str | None = None, least: int = 1) -> Iterator[ShotItem]:
        """Yield the outfits, products or people of a domain that have at least `least` shots in order.

        A twin whose original is missing counts as a shot of its own.
        """
        return (item for item in self._items if domain in (None, item.domain) and len(item.shots) >= least)


def part_of(item: int, domain: str) -> Part:
    """Return who uses an outfit or a product: the training of the base models, or the studies.

    So no study shows clothes or people that its base model was trained on. The studio, where studies fine-tune as well
    as test, leaves more to them than the street, where they only test.
    """
    return "study" if item // 2 % 5 < _STUDY_FIFTHS.get(domain, 2) else "base"


def original_of(name: str) -> str:
    """Return the name of the shot of which another is the twin; of other shots their own."""
    return name[:-1] if name.endswith(_TWINS) else name


def find_folder(stored: Stored = "world") -> Path:
    """Return the folder of stored shots: what VARIABLES names, or data/… above the working directory or this file."""
    if named := os.environ.get(VARIABLES[stored]):
        return Path(named)
    own = Path("data") / stored
    above = [Path.cwd(), *Path.cwd().parents, *Path(__file__).resolve().parents]
    return next((folder / own for folder in above if (folder / own / INDEX).exists()), own)


@lru_cache(4)
def _opened(folder: Path) -> Shards:
    return Shards(folder)


def open_stored(stored: Stored) -> Shards:
    """Open the stored shots of `find_folder`; they stay open."""
    return _opened(find_folder(stored).resolve())


def open_world() -> Shards:
    """Open the stored people in outfits."""
    return open_stored("world")
