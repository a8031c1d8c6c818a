"""Commands about parameters: presets, block sets, memory of training."""

from pathlib import Path

import click

from atelier.common.command import PARAMS, Command
from atelier.common.options import PATH, TEXT

BASE = click.option(
    "--base",
    default=Path("models/base/editor"),
    type=PATH,
    help="Editor's folder; the networks' configurations are read, not their weights.",
)
FULL_SIZE = click.option(
    "--full-size", is_flag=True, help="Use the SD-1.5 layout of the public editor instead; needs no files."
)


@click.command(cls=Command)
@click.argument("preset", type=TEXT)
@click.option("--params", default=PARAMS, type=PATH, help="Parameters file to change.")
def config(preset: str, params: Path) -> None:
    """Write the parameters of PRESET (full-size or embedded) into params.yaml and print the changes.

    Only the values in the preset change; comments, order and all other values stay. The file is written atomically. The
    reason for each value is in src/atelier/config/settings/.

    \b
    Examples:
      atelier config full-size   timbrooks/instruct-pix2pix at 512 px on the hub's data sets; needs a GPU
      atelier config embedded    the default study, which runs offline on two CPU cores
    """
    from atelier.config.presets import apply_preset

    changes = apply_preset(preset, params)
    for change in changes:
        click.echo(f"{change.key}: {change.old} → {change.new}")
    if not changes:
        click.echo(f"{params} has these values already", err=True)


@click.command(cls=Command)
@BASE
@FULL_SIZE
def blocks(base: Path, full_size: bool) -> None:
    """Print the number of parameters in each block set and their share of the UNet.

    \b
    Examples:
      atelier blocks               the embedded editor
      atelier blocks --full-size   attn+mid+up is 204,885,120 parameters, 23.84 %
    """
    from atelier.training.edit.block_sets import table

    click.echo(table(None if full_size else base))


@click.command(cls=Command)
@BASE
@FULL_SIZE
@click.option("--params", default=PARAMS, type=PATH, help="Parameters file; block set and adapters are read from it.")
@click.option("--size", default=512, type=click.IntRange(8, 8192), help="Side of the images in pixels.")
@click.option(
    "--samples",
    default=1,
    type=click.IntRange(1, 65_536),
    help="Samples per pass: batch_size / (accumulate × processes).",
)
@click.option(
    "--dtype", default="bfloat16", type=click.Choice(["float32", "bfloat16"]), help="Type of the frozen weights."
)
def memory(base: Path, full_size: bool, params: Path, size: int, samples: int, dtype: str) -> None:
    """Calculate the GPU memory that the study needs: the training step by method, and every other pass.

    \b
    Examples:
      atelier memory --full-size --samples 4   the public editor, four samples per forward pass
      atelier memory --size 64 --samples 16    the embedded editor
    """
    import torch

    from atelier.config import read_params
    from atelier.models import meta
    from atelier.training import passes
    from atelier.training.memory import estimate, table

    chosen, kind = read_params(params), getattr(torch, dtype)
    models = chosen.models
    layout = meta.full_size() if full_size else meta.of_base(base, Path(models.clip), Path(models.segmenter))
    click.echo(table(layout, chosen.train, size, samples, kind) + "\n")
    step = estimate(layout, chosen.train, size, samples, kind)
    click.echo(passes.table(layout, chosen, size, samples, kind, step))
