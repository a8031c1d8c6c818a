"""The `atelier` command: one click group of the subcommands that the other modules here define."""

import click

from atelier import __version__
from atelier.cli.edit import edit
from atelier.cli.export import export
from atelier.cli.judge import judge
from atelier.cli.study import ablations, blocks, config, memory, methods, seeds
from atelier.cli.survey import survey

__all__ = ["main"]


@click.group()
@click.version_option(__version__)
def main() -> None:
    """Specialise a text-guided image editor on fashion pictures, and measure what that bought."""


for command in (config, blocks, memory, ablations, methods, seeds, edit, export, survey, judge):
    main.add_command(command)
