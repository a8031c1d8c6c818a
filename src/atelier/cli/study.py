"""Commands about the study as a whole: its parameters, what it trains and what that takes, its experiments."""

from pathlib import Path

import click

from atelier.common.command import PARAMS, PATH, Command


@click.command(cls=Command)
@click.argument("preset")
@click.option("--params", default=PARAMS, show_default=True, type=PATH, help="Parameters file to change.")
def config(preset: str, params: Path) -> None:
    """Set the parameters of a whole study: PRESET is full-size or embedded. Prints what changed.

    Only the values that the preset names are set: comments, order and all other values stay. The file is written whole
    or not at all, and a second call changes nothing. Each value and why: src/atelier/presets/.

    \b
    Examples:
      atelier config full-size   timbrooks/instruct-pix2pix at 512 px on the hub's data sets; needs a GPU
      atelier config embedded    back to the study that runs offline on two CPU cores
    """
    from atelier.cli.presets import apply_preset

    changes = apply_preset(preset, params)
    for change in changes:
        click.echo(f"{change.key}: {change.old} → {change.new}")
    if not changes:
        click.echo(f"{params}: these are its values already", err=True)


@click.command(cls=Command)
@click.option("--base", default=Path("models/base/editor"), show_default=True, type=PATH,
              help="An editor's folder: its UNet's layout is read, its weights are not.")  # fmt: skip
@click.option("--full-size", is_flag=True, help="The SD-1.5 layout of the public editor instead; needs no files.")
def blocks(base: Path, full_size: bool) -> None:
    """Print each block set's parameters and their share of the UNet.

    \b
    Examples:
      atelier blocks               the embedded editor
      atelier blocks --full-size   attn+mid+up is 204,885,120 parameters, 23.84 %
    """
    from atelier.training.edit.block_sets import table

    click.echo(table(None if full_size else base))


@click.command(cls=Command)
@click.argument("names", nargs=-1, required=True)
@click.option("--out", default=Path("metrics"), show_default=True, type=PATH,
              help="Folder for ablations.csv, ablations.md and ablations.png.")  # fmt: skip
def ablations(names: tuple[str, ...], out: Path) -> None:
    """Tabulate finished DVC experiments by NAME: measures, losses and trained share, beside the paper's tables 3 and 4.

    \b
    Example:
      atelier ablations A B C D
    """
    from atelier.report.experiments import collect  # here: it brings pandas and torch

    for path in collect(names, out, Path.cwd()):
        click.echo(path)


@click.command(cls=Command)
@click.argument("names", nargs=-1, required=True)
@click.option("--out", default=Path("metrics"), show_default=True, type=PATH,
              help="Folder for methods.csv and methods.md.")  # fmt: skip
def methods(names: tuple[str, ...], out: Path) -> None:
    """Tabulate finished DVC experiments by NAME: scores beside trained share, seconds and peak memory.

    Seconds and memory come from the training's record in MLflow.

    \b
    Example:
      atelier methods selective full lora
    """
    from atelier import tracking
    from atelier.report.comparison import collect  # here: it brings pandas and torch

    for path in collect(names, out, Path.cwd(), lambda name: tracking.read_metrics(name, "train")):
        click.echo(path)


@click.command(cls=Command)
@click.argument("names", nargs=-1, required=True)
@click.option("--out", default=Path("metrics"), show_default=True, type=PATH,
              help="Folder for seeds.csv and seeds.md.")  # fmt: skip
def seeds(names: tuple[str, ...], out: Path) -> None:
    """Tabulate finished DVC experiments by NAME that differ in their seed: spread between seeds beside that between
    pictures.

    \b
    Example:
      atelier seeds seed-1 seed-2 seed-3   after: dvc exp run --queue -n seed -S train.seed=1,2,3; dvc exp run --run-all
    """
    from atelier.report.seed_spread import collect_seeds  # here: it brings pandas and torch

    for path in collect_seeds(names, out, Path.cwd()):
        click.echo(path)


@click.command(cls=Command)
@click.option("--base", default=Path("models/base/editor"), show_default=True, type=PATH,
              help="An editor's folder: its networks' layouts are read.")  # fmt: skip
@click.option("--full-size", is_flag=True, help="The SD-1.5 layout of the public editor instead; needs no files.")
@click.option("--params", default=PARAMS, show_default=True, type=PATH,
              help="Block set and adapters are read from it.")  # fmt: skip
@click.option("--size", default=512, show_default=True, type=click.IntRange(8), help="Side of the pictures, px.")
@click.option("--samples", default=1, show_default=True, type=click.IntRange(1),
              help="At a time: batch_size / (accumulate × processes).")  # fmt: skip
@click.option("--dtype", default="bfloat16", show_default=True, type=click.Choice(["float32", "bfloat16"]),
              help="Of frozen weights.")  # fmt: skip
def memory(base: Path, full_size: bool, params: Path, size: int, samples: int, dtype: str) -> None:
    """Calculate what training takes of a GPU's memory, by method, with and without gradient checkpointing.

    \b
    Examples:
      atelier memory --full-size --samples 4   the public editor, four pictures at a time
      atelier memory --size 64 --samples 16    the embedded one
    """
    import torch

    from atelier.config import read_params
    from atelier.models import meta
    from atelier.training.memory import table

    chosen = read_params(params)
    layout = meta.full_size() if full_size else meta.of_base(base, Path(chosen.models.clip))
    click.echo(table(layout, chosen.train, size, samples, getattr(torch, dtype)))
