"""The click base class of the stages and of `atelier`'s subcommands, and their common parameter types.

Imports neither the subcommands nor torch, so that a stage starts without them.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from atelier.common.errors import UserError, one_line
from atelier.common.options import OUT_FILE, OUT_FOLDER, PATH

PARAMS = Path("params.yaml")

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


DEBUG = "ATELIER_DEBUG"  # environment variable: 1 shows tracebacks

# Libraries that read files or the network: what they raise tells of these, not of a fault in this code.
_OUTSIDE = {"fsspec", "httpx", "huggingface_hub", "pyarrow", "requests", "safetensors", "sqlalchemy", "urllib3"}


class Command(click.Command):
    """A command that reports an error as one line on stderr, without a traceback.

    Exit codes: 2 for a `UserError` or wrong options, 1 for an error of the system (disk, permission, memory, network,
    damaged file). Other exceptions are faults in this code and keep their traceback; ATELIER_DEBUG=1 shows it for all.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options; turn click's `UsageError`, of several lines, into a one-line `ClickException`."""
        with _usage_in_one_line(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn user and system errors into a one-line `ClickException`."""
        try:
            return super().invoke(ctx)
        except Exception as error:  # which libraries are installed, and so what they raise, differs between commands
            if not _is_expected(error) or os.environ.get(DEBUG) == "1":
                raise
            raise _refusal(describe_error(error), 2 if isinstance(error, UserError) else 1) from None


def _is_expected(error: Exception) -> bool:
    library = type(error).__module__.partition(".")[0]
    return isinstance(error, UserError | OSError | MemoryError) or library in _OUTSIDE


def describe_error(error: Exception) -> str:
    """Return one line: the message of a `UserError`, else the file, if one is known, and the reason."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        text = f"{Path(os.fsdecode(error.filename))}: {error.strerror}"
    else:
        text = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    text = one_line(text) or "no message"
    return text if isinstance(error, UserError) else f"{text} ({DEBUG}=1 shows where)"


class Group(click.Group):
    """A group of commands that reports wrong words in one line, as `Command` does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options before the command's name."""
        with _usage_in_one_line(ctx):
            return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command by its name."""
        with _usage_in_one_line(ctx):
            return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with the first sentence of their help, whole: click cuts it off after one line."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, _first_sentence(one.help or "")) for name, one in commands if one and not one.hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _first_sentence(text: str) -> str:
    """Return a text up to its first full stop that ends a sentence, on one line."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    return paragraph.partition(". ")[0].removesuffix(".") + "."


@contextmanager
def _usage_in_one_line(ctx: click.Context) -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise  # no arguments at all: the help is what is wanted
    except click.UsageError as error:
        raise _refusal(f"{one_line(error.format_message(), 300)} (see {ctx.command_path} --help)") from None


def _refusal(text: str, exit_code: int = 2) -> click.ClickException:
    error = click.ClickException(one_line(text))
    error.exit_code = exit_code
    return error


def stage(function: Callable[..., None]) -> click.Command:
    """Turn a function into the command of a pipeline stage: its docstring is the help text."""
    return click.command(cls=Command, context_settings={"show_default": True, "max_content_width": 100})(function)


def params_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--params PATH`, the parameters file."""
    return click.option("--params", type=PATH, default=PARAMS, help="Parameters file.")(function)


def path_option(name: str, text: str) -> Decorator:
    """Add a required option `--name PATH` with a help text."""
    return click.option(f"--{name}", type=PATH, required=True, help=text)


def output_option(name: str, text: str, *, folder: bool = False) -> Decorator:
    """Add a required option `--name PATH`, a file or folder that the command writes and that it can write."""
    return click.option(f"--{name}", type=OUT_FOLDER if folder else OUT_FILE, required=True, help=text)
