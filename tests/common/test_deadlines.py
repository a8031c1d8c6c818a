"""A limit on the total time of a call."""

import contextvars
import threading
import time

import pytest

from atelier.common.deadlines import call_within


def test_what_a_call_returns_and_raises_reaches_the_caller():
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("of the caller")
    assert call_within(5, lambda *values, last: [*values, last, variable.get()], 1, last=2) == [1, 2, "of the caller"]
    error = KeyError("own")
    with pytest.raises(KeyError) as raised:
        call_within(5, lambda: (_ for _ in ()).throw(error))
    assert raised.value is error
    with pytest.raises(TimeoutError, match="of the call"):
        call_within(5, lambda: (_ for _ in ()).throw(TimeoutError("of the call")))


def test_a_call_that_takes_longer_is_left_and_does_not_keep_the_process_alive():
    goes_on = threading.Event()
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"no answer within 0\.05 s"):
        call_within(0.05, goes_on.wait, 30)
    assert time.monotonic() - began < 20
    assert [thread.daemon for thread in threading.enumerate() if thread.name == "call_within(0.05)"] == [True]
    goes_on.set()
