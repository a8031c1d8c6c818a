"""The `atelier` command: the click group of all subcommands. Modules here import heavy libraries inside functions."""

import click

from atelier import __version__
from atelier.cli.clean import clean
from atelier.cli.edit import edit
from atelier.cli.experiments import ablations, methods, seeds
from atelier.cli.export import export
from atelier.cli.judge import judge
from atelier.cli.new import new
from atelier.cli.register import register
from atelier.cli.results import results
from atelier.cli.score import score
from atelier.cli.studio import studio
from atelier.cli.study import blocks, config, memory
from atelier.cli.survey import survey
from atelier.common.command import Group

__all__ = ["main"]


@click.group(cls=Group, context_settings={"show_default": True})
@click.version_option(__version__)
def main() -> None:
    """Fine-tune InstructPix2Pix on fashion images and measure how much that improves its edits."""


COMMANDS = (new, config, blocks, memory, results, ablations, methods, seeds)
COMMANDS += (edit, studio, score, export, register, survey, judge, clean)
for command in COMMANDS:
    main.add_command(command)
