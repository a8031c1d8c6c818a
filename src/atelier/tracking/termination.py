"""SIGTERM and SIGHUP as exceptions, so that a run that is told to end can say how it ended."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_REPEAT_S = 10.0  # a signal to a process group often comes twice: from the sender, and passed on by the launcher


class Terminated(SystemExit):
    """Raised in the main thread by SIGTERM or SIGHUP. Its code is 128 + the signal's number, as in a shell."""


@contextmanager
def raise_on_termination() -> Iterator[None]:
    """Raise `Terminated` at SIGTERM or SIGHUP while the block runs; then restore the handlers.

    Handlers that are set already stay: of another library, or of `nohup`, which ignores SIGHUP. Only the main thread
    can set handlers; in others the block runs without.
    """
    signals: list[signal.Signals] = []
    if threading.current_thread() is threading.main_thread():
        signals = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_DFL]
    last = -_REPEAT_S

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal last
        if time.monotonic() - last < _REPEAT_S:  # the block is ending: a second exception would break that off
            return
        last = time.monotonic()
        raise Terminated(128 + number)

    for one in signals:
        signal.signal(one, stop)
    try:
        yield
    finally:
        for one in signals:
            signal.signal(one, signal.SIG_DFL)
