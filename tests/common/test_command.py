"""What a command prints and returns for each kind of error."""

import errno

import click
import pyarrow as pa
import pytest
from click.testing import CliRunner
from safetensors import SafetensorError

from atelier.common.command import DEBUG, Command
from atelier.common.errors import UserError

KINDS = {
    "wrong input": (UserError("rows.csv: line 3:\n no picture"), 2, "rows.csv: line 3: no picture"),
    "disk full": (OSError(errno.ENOSPC, "No space left on device", "out/a.png"), 1, "out/a.png: No space left"),
    "no permission": (PermissionError(errno.EACCES, "Permission denied", b"out"), 1, "out: Permission denied"),
    "network": (ConnectionResetError("peer\nleft"), 1, "ConnectionResetError: peer left"),
    "memory": (MemoryError(), 1, "MemoryError:"),
    "tensors": (SafetensorError("header too large"), 1, "SafetensorError: header too large"),
    "table": (pa.ArrowInvalid("page is broken"), 1, "ArrowInvalid: page is broken"),
}


@pytest.mark.parametrize("debug", ["0", "1"])
@pytest.mark.parametrize(("error", "code", "text"), KINDS.values(), ids=KINDS)
def test_an_error_is_one_line_unless_the_traceback_is_asked_for(monkeypatch, error, code, text, debug):
    @click.command(cls=Command)
    def command() -> None:
        raise error

    monkeypatch.setenv(DEBUG, debug)
    result = CliRunner().invoke(command)
    if debug == "1":
        assert result.exception is error
        return
    assert (result.exit_code, result.stdout) == (code, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: {text}")
    assert (DEBUG in line) is (code == 1)


def test_a_fault_in_the_code_keeps_its_traceback():
    @click.command(cls=Command)
    def command() -> None:
        raise TypeError("a fault")

    assert isinstance(CliRunner().invoke(command).exception, TypeError)
