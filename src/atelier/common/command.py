"""The click base class of the stages and of `atelier`'s subcommands, and their common parameter types.

Imports neither the subcommands nor torch, so that a stage starts without them.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from atelier.common.errors import UserError

PATH = click.Path(path_type=Path)  # no `exists=True`: the code that opens the file raises a UserError that names it
PARAMS = Path("params.yaml")

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


DEBUG = "ATELIER_DEBUG"  # environment variable: 1 shows tracebacks

# Libraries that read files or the network: what they raise tells of these, not of a fault in this code.
_OUTSIDE = {"fsspec", "httpx", "huggingface_hub", "pyarrow", "requests", "safetensors", "sqlalchemy", "urllib3"}


class Command(click.Command):
    """A command that reports an error as one line on stderr, without a traceback.

    Exit codes: 2 for a `UserError`, 1 for an error of the system (disk, permission, memory, network, damaged file).
    Other exceptions are faults in this code and keep their traceback; ATELIER_DEBUG=1 shows it for all.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn user and system errors into a one-line `ClickException`."""
        try:
            return super().invoke(ctx)
        except Exception as error:  # which libraries are installed, and so what they raise, differs between commands
            if not _is_expected(error) or os.environ.get(DEBUG) == "1":
                raise
            shown = click.ClickException(describe_error(error))
            shown.exit_code = 2 if isinstance(error, UserError) else 1
            raise shown from None


def _is_expected(error: Exception) -> bool:
    library = type(error).__module__.partition(".")[0]
    return isinstance(error, UserError | OSError | MemoryError) or library in _OUTSIDE


def describe_error(error: Exception) -> str:
    """Return one line: the message of a `UserError`, else the file, if one is known, and the reason."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        text = f"{Path(os.fsdecode(error.filename))}: {error.strerror}"
    else:
        text = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    text = " ".join(text.split()) or "no message"
    return text if isinstance(error, UserError) else f"{text} ({DEBUG}=1 shows where)"


def stage(function: Callable[..., None]) -> click.Command:
    """Turn a function into the command of a pipeline stage: its docstring is the help text."""
    return click.command(cls=Command, context_settings={"show_default": True, "max_content_width": 100})(function)


def params_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--params PATH`, the parameters file."""
    return click.option("--params", type=PATH, default=PARAMS, help="Parameters file.")(function)


def path_option(name: str, text: str) -> Decorator:
    """Add a required option `--name PATH` with a help text."""
    return click.option(f"--{name}", type=PATH, required=True, help=text)
