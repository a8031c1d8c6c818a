"""Answers on disk: JSONL, one answer per line, appended under a lock.

A line is synced to disk before the caller learns that it was saved, so a crash can leave at most an incomplete last
line that no rater was told of. Readers report such a line; the next write removes it.
"""

import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from atelier.common.errors import UserError
from atelier.common.files import open_plain
from atelier.preferences.pairs import TIE, Text, validation_message

Choice = Literal["left", "right", "tie"]


class Answer(BaseModel):
    """The answer of one rater (a person or a model) to one trial."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    rater: Text
    question: Text
    pair_id: Text
    content: str  # `pairs.pair_digest` of what was shown
    prompt: Text
    group: str
    left: Text  # system on the left; for a model: picture A
    right: Text
    choice: Choice | Literal["invalid"]  # only a model's reply can be invalid
    repeat: bool  # second trial of the pair, sides swapped
    replaces: bool | None = None  # instead of the rater's earlier answer to the same trial
    reply: str | None = None  # full text of a model's reply
    seconds: float | None = None  # from both pictures being loaded to the answer
    at: str | None = None  # UTC, ISO 8601

    @model_validator(mode="after")
    def _check_systems(self) -> Self:
        if self.left == self.right or TIE in (self.left, self.right):
            raise ValueError(f"left and right must be two systems, neither called {TIE!r}")
        return self

    @property
    def winner(self) -> str:
        """The preferred system, or `tie`.

        Raises:
            KeyError: the answer is invalid.
        """
        return {"left": self.left, "right": self.right, TIE: TIE}[self.choice]


@dataclass(frozen=True)
class Answers:
    """The answers of a file that are not replaced by later ones, and the number of an incomplete last line."""

    rows: list[Answer]
    torn_line: int | None


def read_answers(file: Path) -> Answers:
    """Read all complete answers, without those that a later one replaces.

    Raises:
        UserError: the file does not exist, or a line before the last is not an answer.
    """
    with open_plain(file) as stream:
        return _parse(stream.read(), file)


def append_answer(file: Path, make: Callable[[list[Answer]], Answer | None]) -> Answers:
    """Append the answer that `make` returns for the existing answers, if any. Return the existing answers.

    The file is locked from the read to the write, against other processes and threads.
    """
    if file.exists():
        open_plain(file).close()  # a pipe or a folder is refused before it is waited for
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.open("a+b")
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None
    with stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # belongs to the open file, so threads exclude each other; ends with close
        stream.seek(0)
        content = stream.read()
        found = _parse(content, file)
        if (answer := make(found.rows)) is not None:
            if found.torn_line is not None:
                stream.truncate(content.rfind(b"\n") + 1)
            elif content and not content.endswith(b"\n"):  # e.g. removed by a text editor
                stream.write(b"\n")
            stream.write(answer.model_dump_json(exclude_none=True).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
    return found


def _parse(content: bytes, file: Path) -> Answers:
    rows: list[Answer] = []
    lines = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            rows.append(Answer.model_validate_json(line))
        except ValidationError as error:
            if number == len(lines):  # no newline after it
                return Answers(_current(rows), number)
            raise UserError(f"{file}, line {number}: not an answer: {validation_message(error)}") from None
    return Answers(_current(rows), None)


def _current(rows: list[Answer]) -> list[Answer]:
    """Drop the answers that later ones of the same rater, trial and pictures replace."""
    replaced: set[tuple[str, ...]] = set()
    kept = []
    for row in reversed(rows):
        key = (row.rater, row.question, row.pair_id, row.content, str(row.repeat))
        if key not in replaced:
            kept.append(row)
        if row.replaces:
            replaced.add(key)
    return kept[::-1]
