"""`atelier register`: put a fine-tuned editor into MLflow's model registry."""

from pathlib import Path

import click

from atelier.common.command import PARAMS, Command
from atelier.common.options import PATH, TEXT


@click.command(cls=Command)
@click.argument("folder", default=Path("models/finetuned"), type=PATH)
@click.option("--example", type=PATH, required=True, help="Photograph to store as the example of an input.")
@click.option("--instruction", type=TEXT, default="make the shirt red", help="Instruction of the example.")
@click.option("--params", default=PARAMS, type=PATH, help="Take how to sample from this parameters file.")
def register(folder: Path, example: Path, instruction: str, params: Path) -> None:
    """Put a fine-tuned FOLDER (models/finetuned) into MLflow's model registry, as a version of atelier-editor.

    The version is a complete editor with its segmenter, and can be loaded or served elsewhere. The alias champion is
    the version with the best validation score on the same triplets.

    \b
    Examples:
      atelier register --example photo.jpg
      mlflow models serve -m models:/atelier-editor@champion --env-manager local
    """
    from atelier.editing.settings import read_settings
    from atelier.export.register import register as put

    made = put(folder, read_settings(params, str(folder)), example, instruction)
    score = "" if made.score is None else f", validation {made.score:.4g}"
    click.echo(f"{made.uri}{score}; {made.champion}")
