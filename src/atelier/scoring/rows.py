"""What is to be scored: rows of a source and its edits, and what is refused of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from atelier.common.errors import RefusedError, UserError
from atelier.common.options import LONGEST_TEXT

TEXTS = ("instruction", "source_caption", "target_caption")
MOST_EDITORS, LONGEST_EDITOR = 12, 40  # editors, characters


@dataclass(frozen=True)
class Row:
    """A source, what editors made of it, and what is known of the edit; "" and None: not known."""

    where: str  # for messages, and the row's name in reports
    source: Path
    edits: Mapping[str, Path]  # editor → picture
    instruction: str = ""
    source_caption: str = ""
    target_caption: str = ""
    mask: Path | None = None
    target: Path | None = None


@dataclass(frozen=True)
class Refusal:
    """A row, or one editor's edit of it, that cannot be scored."""

    where: str
    reason: str
    editor: str = ""  # "": all of the row's edits

    def __str__(self) -> str:
        """Return the line that tells it."""
        return f"{self.where}, {self.editor}: {self.reason}" if self.editor else f"{self.where}: {self.reason}"


@dataclass(frozen=True)
class Listed:
    """Everything to score."""

    editors: Sequence[str]
    rows: list[Row] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def check_editors(names: Sequence[str], where: str, expected: str) -> list[str]:
    """Return the editors' names, stripped.

    Raises:
        UserError: there are none, too many, one twice, or one that is empty, too long or not printable.
    """
    names = [name.strip() for name in names]
    if not names:
        raise UserError(f"{where}: no edits; {expected}")
    if len(names) > MOST_EDITORS:
        raise UserError(f"{where}: {len(names)} editors; expected at most {MOST_EDITORS}")
    for name in names:
        if not 0 < len(name) <= LONGEST_EDITOR or not name.isprintable():
            raise UserError(f"{where}: an editor's name has 1 to {LONGEST_EDITOR} printable characters; {expected}")
        if names.count(name) > 1:
            raise UserError(f"{where}: editor {name!r} is named twice; expected it once")
    return names


def check_text(value: str, name: str) -> str:
    """Return a text on one line.

    Raises:
        RefusedError: it is too long.
    """
    if len(value) > LONGEST_TEXT:
        raise RefusedError(f"{name} has {len(value):,} characters; the limit is {LONGEST_TEXT:,}")
    return " ".join(value.split())
