"""The command line options of the pretraining scripts."""

from collections.abc import Callable
from pathlib import Path

import click

from atelier.common.command import Decorator
from atelier.common.options import COUNT, PATH, RATE, THREADS
from atelier.common.threads import set_threads


def threads_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--threads N`, which sets torch's number of threads before the command runs: results depend on it."""

    def callback(_context: click.Context, _option: click.Parameter, threads: int) -> None:
        set_threads(threads)

    return click.option(
        "--threads", type=THREADS, default=1, show_default=True, expose_value=False, callback=callback,
        help="CPU threads of each process; 0: all cores.",
    )(function)  # fmt: skip


def input_option(name: str, text: str, *, required: bool = True) -> Decorator:
    """Add `--name PATH`, a file or folder that must exist."""
    return click.option(f"--{name}", type=click.Path(path_type=Path, exists=True), required=required, help=text)


def training_options(*, steps: int | None, batch_size: int | None = None, lr: float | None = None) -> Decorator:
    """Add the options of a training script: --out, --steps, --threads; --batch-size and --lr if a default is given.

    Args:
        steps: the default; None makes the option required.
    """
    options = [
        click.option("--out", type=PATH, required=True, help="Folder for the trained model."),
        click.option(
            "--steps", type=COUNT, default=steps, required=steps is None, show_default=True, help="Training steps."
        ),
        threads_option,
    ]
    if batch_size is not None:
        options.append(
            click.option("--batch-size", type=COUNT, default=batch_size, show_default=True, help="Of each process.")
        )
    if lr is not None:
        options.append(click.option("--lr", type=RATE, default=lr, show_default=True, help="Peak learning rate."))

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return add
