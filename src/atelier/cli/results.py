"""`atelier results`: the result of a study in three lines."""

from pathlib import Path

import click

from atelier.common.command import Command
from atelier.common.options import PATH


@click.command(cls=Command)
@click.argument("folder", type=PATH, default=Path())
def results(folder: Path) -> None:
    """Print a study's result in three lines.

    FOLDER is the repository's root or a folder that `atelier new` made. The lines are the measures of both editors on
    seen and on unseen images, and how many of the key measures fine-tuning improved or worsened. A fourth line is the
    path of the report page. `make repro` ends with them.

    \b
    Examples:
      atelier results
      atelier results studies/mine
    """
    from atelier.report.verdict import summarise_study

    for line in summarise_study(folder):
        click.echo(line)
