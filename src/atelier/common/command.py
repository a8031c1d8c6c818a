"""The click base class of the stages and of `atelier`'s subcommands, and their common parameter types.

Imports neither the subcommands nor torch, so that a stage starts without them.
"""

from pathlib import Path
from typing import Any

import click

from atelier.common.errors import UserError

PATH = click.Path(path_type=Path)  # no `exists=True`: the code that opens the file raises a UserError that names it
PARAMS = Path("params.yaml")


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
