"""Values of untrusted rows (JSON, Parquet, CSV) as texts and whole numbers: each is taken, absent, or refused."""

import math
from decimal import Decimal
from typing import Any

import numpy as np

from atelier.common.errors import RefusedError

MAX_BYTES = 2**20  # longest text of one cell, in UTF-8
MAX_NUMBER = 10**400  # over all that a float can be; Python does not write integers of more than 4,300 digits


def text_value(value: Any, name: str) -> str:
    """Return a text, stripped; "" where it is absent.

    None and NaN are absent; a whole number is written without a point (12.0 is "12"); of a list, the first text counts.

    Args:
        name: of the column, for the reason.

    Raises:
        RefusedError: the value has another type, is not Unicode, or is longer than MAX_BYTES.
    """
    if is_listed(value):
        value = next((entry for entry in value if not is_absent(entry)), None)
        if value is not None and not isinstance(value, str):
            raise RefusedError(f"{name} is no text")
    if is_absent(value):
        return ""
    if not isinstance(value, str):
        number = whole_number(value)
        if number is None or abs(number) > MAX_NUMBER:
            raise RefusedError(f"{name} is no text")
        return str(number)
    try:
        size = len(value) if value.isascii() else len(value.encode())
    except UnicodeEncodeError:  # half of a surrogate pair, or a file name that is not UTF-8
        raise RefusedError(f"{name} is not Unicode") from None
    if size > MAX_BYTES:
        raise RefusedError(f"{name} over 1 MiB")
    return value.strip()


def is_listed(value: Any) -> bool:
    """Whether a value is a list, as JSON, Python or NumPy has it."""
    return isinstance(value, list | tuple | np.ndarray)


def is_absent(value: Any) -> bool:
    """Whether a value is None or NaN: pandas, JSON and Parquet write NaN for a cell without a value."""
    if isinstance(value, Decimal):
        return value.is_nan()
    return value is None or (isinstance(value, float | np.floating) and math.isnan(value))


def whole_number(value: Any) -> int | None:
    """Return a number without a fraction as int; None for any other value, `True` and `False` included."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):  # NaN, infinity
        return None
    return number if number == value else None


def shorten(text: str, length: int = 60) -> str:
    """Return a value for a message: at most `length` characters, the last one "…" if it was cut."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def printable(text: str) -> str:
    r"""Return a name for messages and reports, with what is not Unicode (in names of files) written as \udcff."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
