"""Errors of input: of a whole command (`UserError`) and of one row (`RefusedError`), and the boundary around a row."""

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
