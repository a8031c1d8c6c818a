"""Errors of input: of a whole command (`UserError`) and of one row (`RefusedError`), the boundary around a row, and
their messages: one short line.
"""

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager


class UserError(ValueError):
    """One line that says where (file, row or key) what is wrong, and what is expected."""


class RefusedError(ValueError):
    """The short reason why a row or a part of it cannot be used; reports count rows by it."""


@contextmanager
def row_boundary() -> Iterator[None]:
    """Turn whatever the reading of one row raises into a `RefusedError`, so that one bad row never ends a stage.

    Raises:
        RefusedError: the row cannot be read; "unreadable row: TypeError" where no reason was given.
        UserError: the source as a whole cannot be read.
        MemoryError: the machine, not the row, is at fault.
    """
    try:
        yield
    except (RefusedError, UserError, MemoryError):
        raise
    # Rows are untrusted, and the libraries that read them (Pillow, NumPy, Arrow, json) raise exceptions of any type.
    except Exception as error:
        raise RefusedError(f"unreadable row: {type(error).__name__}") from error


class _Short(reprlib.Repr):
    def __init__(self, limit: int) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = limit
        self.maxlevel = 2

    def repr_int(self, x: int, level: int) -> str:
        """Write a whole number; one of thousands of digits, which Python refuses to write, by its size."""
        return super().repr_int(x, level) if x.bit_length() < 1024 else f"<a number of {x.bit_length():,} bits>"


def one_line(text: str, limit: int = 1000) -> str:
    """Return a message as one printable line: white space joined, other control characters escaped, the middle cut."""
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in " ".join(text.split()))
    return text if len(text) <= limit else f"{text[: limit * 2 // 3]} … {text[-limit // 3 :]}"


def short_repr(value: object, limit: int = 60) -> str:
    """Write a value for a message: on one line, control characters escaped, in at most `limit` characters and "…"."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = int(value)  # a subclass is written as the number that it is
    text = " ".join(_Short(limit).repr(value).split())
    return text if len(text) <= limit else f"{text[:limit]}…"
