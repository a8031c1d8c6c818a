"""Processes that a launcher (accelerate, torchrun) started end with it, also where it was killed."""

import os
import signal
import threading
import time
from functools import cache
from pathlib import Path

from atelier.common.notices import notice

POLL, GRACE = 0.5, 10.0  # seconds


@cache
def follow_launcher(poll: float = POLL, grace: float = GRACE) -> None:
    """End this process when its parent has ended, if it is one of several that a launcher started.

    A worker whose launcher is killed would otherwise train on, beside the next run. A thread compares the parent's
    number; it sends SIGTERM, as the launcher would, and ends the process if that takes more than `grace` seconds, as
    in a collective that waits for a process that has ended.

    Args:
        poll: seconds between two looks at the parent.
    """
    if "LOCAL_RANK" not in os.environ or os.environ.get("WORLD_SIZE", "1") in ("", "1"):
        return
    parent = os.getppid()
    if parent == 1 and not _is_python(parent):
        parent = 0  # the launcher ended while this process started: it is init's child now
    threading.Thread(target=_follow, args=(parent, poll, grace), name="launcher", daemon=True).start()


def _follow(parent: int, poll: float, grace: float) -> None:
    while os.getppid() == parent:
        time.sleep(poll)
    try:
        notice("the launcher has ended; so does this process")
    finally:  # stderr may have ended with the launcher
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
        os._exit(128 + signal.SIGTERM)


def _is_python(process: int) -> bool:
    """Tell whether a process is Python's, as every launcher is; True where the system does not tell."""
    try:
        return b"python" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return True
