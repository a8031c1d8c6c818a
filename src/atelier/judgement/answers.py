"""Judgements on disk: JSONL, one answer a line, appended so that neither a crash nor a second server can spoil it.

A line is written under a lock and synced before anybody is told that it was saved. A crash can therefore leave no more
than a torn last line, which nobody was told of: readers report it, the next writer cuts it off.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from atelier.errors import UserError
from atelier.judgement.pairs import TIE, Text, describe

Choice = Literal["left", "right", "tie"]


class Answer(BaseModel):
    """What one rater, a person or a model, said of one showing of a pair."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rater: Text
    question: Text
    pair_id: Text
    content: str  # `pairs.fingerprint`: what was on show
    prompt: Text
    group: str
    left: Text  # the system on the left; to a model, picture A
    right: Text
    choice: Choice | Literal["invalid"]  # only a model's reply can be invalid
    repeat: bool  # the pair's second showing, with its sides swapped
    reply: str | None = None  # a model's own words
    seconds: float | None = None  # from both pictures being there to the answer
    at: str | None = None  # UTC, ISO 8601

    @property
    def winner(self) -> str:
        """The system that was preferred, or `tie`.

        Raises:
            ValueError: the answer is invalid.
        """
        return {"left": self.left, "right": self.right, TIE: TIE}[self.choice]


@dataclass(frozen=True)
class Answers:
    """The whole lines of a file, and the number of a torn last one."""

    rows: list[Answer]
    torn_line: int | None


def read_answers(file: Path) -> Answers:
    """Read every whole answer.

    Raises:
        UserError: there is no such file, or a line before the last is no answer.
    """
    try:
        return _parse(file.read_bytes(), file)
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None


def append_answer(file: Path, make: Callable[[list[Answer]], Answer | None]) -> Answers:
    """Add the answer that `make` gives, on seeing all that are there; none if it gives None. Returns what was there.

    No other process or thread can write between its seeing and the writing.
    """
    with _locked(file) as stream:
        content = stream.read()
        found = _parse(content, file)
        if (answer := make(found.rows)) is not None:
            if found.torn_line is not None:
                stream.truncate(content.rfind(b"\n") + 1)
            elif content and not content.endswith(b"\n"):  # somebody's editor took it away
                stream.write(b"\n")
            stream.write(answer.model_dump_json(exclude_none=True).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
    return found


@contextmanager
def _locked(file: Path) -> Iterator[BinaryIO]:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.open("a+b")
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from None
    with stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # until it is closed; a lock of the open file, so threads exclude each other
        stream.seek(0)
        yield stream


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
                return Answers(rows, number)
            raise UserError(f"{file}, line {number}: not an answer: {describe(error)}") from None
    return Answers(rows, None)
