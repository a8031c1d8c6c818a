"""Which process records a run, as a tag of the run: a run whose process is gone can be closed or continued.

The tag is "host boot namespace pid start": the host's name, its boot (Linux gives each an id), the namespace of process
ids (each container has its own), the process id, and when that process started, in clock ticks since the boot.
"""

import os
import socket
from pathlib import Path


def own_tag() -> str:
    """Return the tag of this process."""
    return " ".join([*_machine(), str(os.getpid()), _start(os.getpid())])


def is_gone(tag: str) -> bool:
    """Tell whether the process that a tag names has ended. False where that cannot be known: on another host, say."""
    parts, here = tag.split(" "), _machine()
    if len(parts) != 5 or "" in (*parts, *here) or parts[0] != here[0]:
        return False
    _, boot, namespace, pid, start = parts
    if boot != here[1]:
        return True  # the machine has been restarted
    return namespace == here[2] and pid.isdecimal() and _start(int(pid)) != start


def _machine() -> tuple[str, str, str]:
    boot = _read(Path("/proc/sys/kernel/random/boot_id")).strip()
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return socket.gethostname().replace(" ", "-"), boot, namespace


def _start(pid: int) -> str:
    """Return when a process started (field 22 of proc(5)'s `stat`), "" if there is no such process."""
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()  # the name, in brackets, may hold spaces
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""  # Z, X: it has ended


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
