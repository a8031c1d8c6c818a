"""The click base class of the stages and of `atelier`'s subcommands, and their common parameter types.

Imports neither the subcommands nor torch, so that a stage starts without them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from atelier.common.errors import UserError

PATH = click.Path(path_type=Path)  # no `exists=True`: the code that opens the file raises a UserError that names it
PARAMS = Path("params.yaml")

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


class Command(click.Command):
    """A command that reports a `UserError` as one line on stderr and exits with code 2, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn a `UserError` into a one-line `ClickException`."""
        try:
            return super().invoke(ctx)
        except UserError as mistake:
            error = click.ClickException(" ".join(str(mistake).split()))
            error.exit_code = 2
            raise error from None


def stage(function: Callable[..., None]) -> click.Command:
    """Turn a function into the command of a pipeline stage: its docstring is the help text."""
    return click.command(cls=Command, context_settings={"show_default": True, "max_content_width": 100})(function)


def params_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--params PATH`, the parameters file."""
    return click.option("--params", type=PATH, default=PARAMS, help="Parameters file.")(function)


def path_option(name: str, text: str) -> Decorator:
    """Add a required option `--name PATH` with a help text."""
    return click.option(f"--{name}", type=PATH, required=True, help=text)
