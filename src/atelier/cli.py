"""The `atelier` command, and the manners that it shares with the stages: `Command`."""

from pathlib import Path
from typing import Any

import click

from atelier import __version__
from atelier.errors import UserError


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


@click.group()
@click.version_option(__version__)
def main() -> None:
    """Specialise a text-guided image editor on fashion pictures, and measure what that bought."""


@main.command(cls=Command)
@click.option("--base", default=Path("models/base/editor"), show_default=True, type=click.Path(path_type=Path),
              help="An editor's folder: its UNet's layout is read, its weights are not.")  # fmt: skip
@click.option("--full-size", is_flag=True, help="The SD-1.5 layout of the public editor instead; needs no files.")
def blocks(base: Path, full_size: bool) -> None:
    """Print each block set's parameters and their share of the UNet.

    \b
    Examples:
      atelier blocks               the embedded editor
      atelier blocks --full-size   attn+mid+up is 204,885,120 parameters, 23.84 %
    """
    from atelier.blocks import table  # here: it brings diffusers, which takes seconds

    click.echo(table(None if full_size else base))


@main.command(cls=Command)
@click.argument("names", nargs=-1, required=True)
@click.option("--out", default=Path("metrics"), show_default=True, type=click.Path(path_type=Path),
              help="Folder for ablations.csv, ablations.md and ablations.png.")  # fmt: skip
def ablations(names: tuple[str, ...], out: Path) -> None:
    """Tabulate finished DVC experiments by NAME: measures, losses and trained share, beside the paper's tables 3 and 4.

    \b
    Example:
      atelier ablations A B C D
    """
    from atelier.ablations import collect  # here: it brings pandas and torch

    for path in collect(names, out, Path.cwd()):
        click.echo(path)
