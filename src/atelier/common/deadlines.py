"""A limit on the total time of a call. The time-out of a socket is for one read: a slow sender never reaches it."""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

Given, Out = ParamSpec("Given"), TypeVar("Out")


def call_within(seconds: float, function: Callable[Given, Out], *args: Given.args, **kwargs: Given.kwargs) -> Out:
    """Call a function in a thread of its own; return what it returns, and raise what it raises.

    Raises:
        TimeoutError: it takes longer than `seconds`. Its thread, which does not keep the process alive, is abandoned.
    """
    done: Future[Out] = Future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            done.set_result(context.run(function, *args, **kwargs))
        except BaseException as error:  # whatever it is, it belongs to the caller, who waits in another thread
            done.set_exception(error)

    threading.Thread(target=work, name=f"call_within({seconds:g})", daemon=True).start()
    try:
        return done.result(seconds)
    except TimeoutError:
        if done.done():  # the function's own, or it ended just now
            return done.result()
        raise TimeoutError(f"no answer within {seconds:g} s") from None
