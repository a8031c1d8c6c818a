"""What all commands share. Every module here imports quickly: what takes time is imported inside the commands."""

from pathlib import Path
from typing import Any

import click

from atelier.errors import UserError

PATH = click.Path(path_type=Path)  # whoever opens it says what is wrong with it, so that it takes one line
PARAMS = Path("params.yaml")


class Command(click.Command):
    """A command whose user's mistakes end in one line on stderr and exit code 2, never in a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a `UserError` becomes click's own one-line error."""
        try:
            return super().invoke(ctx)
        except UserError as mistake:
            error = click.ClickException(" ".join(str(mistake).split()))
            error.exit_code = 2
            raise error from None
