"""`atelier new`: make a study of one's own in studies/."""

from pathlib import Path

import click

from atelier.common.command import Command
from atelier.common.errors import UserError
from atelier.common.options import TEXT


@click.command(cls=Command)
@click.argument("name", type=TEXT)
@click.option("--preset", type=TEXT, help="Parameters to start from: embedded or full-size.  [default: embedded]")
@click.option(
    "-S", "--set", "changes", multiple=True, type=TEXT, help="Parameter to set, as section.key=value; repeatable."
)
@click.option(
    "--update",
    is_flag=True,
    help="Bring an existing study in step with the root: its pipeline, and new parameters. Its values stay.",
)
def new(name: str, preset: str | None, changes: tuple[str, ...], update: bool) -> None:
    """Make studies/NAME/: the six stages of the root's pipeline, with parameters, data, weights and metrics of its own.

    The parameters are the root's params.yaml with the values of the preset and of -S; relative paths in it start at the
    root. No code is copied, and running the study changes no tracked file outside studies/NAME/.

    \b
    Examples:
      atelier new mine
      atelier new mine -S prepare.seen=photos -S prepare.seen_schema=folder
      atelier new mine --preset full-size
      atelier new mine --update              after the root's dvc.yaml or params.yaml has changed
    """
    from atelier.cli.new_study import make_study, update_study

    if update and (preset or changes):
        raise UserError("--update keeps the parameters; leave out --preset and -S")
    if update:
        news = update_study(name, Path.cwd())
        for line in news:
            click.echo(line)
        if not news:
            click.echo(f"studies/{name} is in step with the root already", err=True)
        return
    study = make_study(name, preset or "embedded", changes, Path.cwd())
    click.echo(f"made {study.folder}; its parameters are in {study.path('params.yaml')}; to run it:", err=True)
    click.echo(f"dvc repro {study.path('dvc.yaml')}")
