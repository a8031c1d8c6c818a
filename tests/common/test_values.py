"""Values of untrusted rows: texts, ids and whole numbers are taken, absent values are empty, all else is refused."""

import json
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atelier.common.errors import RefusedError, UserError, row_boundary
from atelier.common.values import MAX_BYTES, printable, shorten, text_value, whole_number

NAN = float("nan")
TAKEN = [
    (" a man \n", "a man"), (12, "12"), (12.0, "12"), (-0.0, "0"), (np.int64(7), "7"), (Decimal("12"), "12"),
    *((absent, "") for absent in (None, NAN, np.float32("nan"), Decimal("NaN"), Decimal("sNaN"), "", [], [None, NAN])),
    (["a man in a shirt", "a guy"], "a man in a shirt"), ([None, "a"], "a"), (np.array(["a", "b"]), "a"),
    ("é" * (MAX_BYTES // 2), "é" * (MAX_BYTES // 2)),
]  # fmt: skip
REFUSED = [
    *((value, "is no text") for value in (True, {"en": "a man"}, b"a man", 12.5, math.inf, 10**5000, [1], [["a"]])),
    ("a\ud800", "is not Unicode"), ("a" * (MAX_BYTES + 1), "over 1 MiB"), ("é" * (MAX_BYTES // 2 + 1), "over 1 MiB"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), TAKEN, ids=range(len(TAKEN)))
def test_nan_is_absent_a_whole_float_is_a_whole_number_and_a_list_its_first_text(value, text):
    assert text_value(value, "caption") == text


@pytest.mark.parametrize(("value", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_a_value_that_is_no_text_is_refused_with_its_column(value, reason):
    with pytest.raises(RefusedError, match=f"^caption {reason}$"):
        text_value(value, "caption")


@settings(max_examples=60)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.binary(), st.lists))
def test_any_value_is_a_storable_text_or_refused(value):
    try:
        text = text_value(value, "item_id")
    except RefusedError as refused:
        assert str(refused).startswith("item_id ")  # noqa: PT017
    else:
        assert json.loads(json.dumps(text).encode()) == text == text.encode().decode().strip()


@pytest.mark.parametrize(
    ("value", "number"), [(6, 6), (6.0, 6), (np.float64(6), 6), (True, None), ("6", None), (6.5, None), (NAN, None)]
)
def test_whole_numbers(value, number):
    assert whole_number(value) == number


def test_names_in_messages_are_printable_and_short():
    assert printable("a\udcff.png") == "a\\udcff.png"
    assert (shorten("a" * 60), shorten("a" * 61)) == ("a" * 60, "a" * 59 + "…")


@pytest.mark.parametrize(
    "error", [TypeError("x"), KeyError("x"), RecursionError(), UnicodeDecodeError("a", b"", 0, 1, "")]
)
def test_whatever_the_reading_of_a_row_raises_becomes_a_reason(error):
    with pytest.raises(RefusedError, match=f"^unreadable row: {type(error).__name__}$"), row_boundary():
        raise error


@pytest.mark.parametrize("error", [UserError("the hub is away"), RefusedError("no pid"), MemoryError()])
def test_a_reason_and_a_failing_source_pass_the_boundary_unchanged(error):
    with pytest.raises(type(error)) as caught, row_boundary():
        raise error
    assert caught.value is error
