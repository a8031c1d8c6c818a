"""The six stages, in order: prepare, pair, mask, train, generate, evaluate; each a click command, `python -m stages.X`.

Importing this package puts this checkout's `src` first on the path: a queued or temporary experiment runs in a copy of
the repository, and an editable install would have it import the main workspace's code instead.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from atelier.common.command import PARAMS, PATH, Command

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def command(function: Callable[..., None]) -> click.Command:
    """Make a function a stage: its docstring is the help, a UserError is one line on stderr and exit code 2."""
    return click.command(cls=Command, context_settings={"show_default": True, "max_content_width": 100})(function)


def params(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--params`: the parameters file, for `atelier.config.read_params`."""
    return click.option("--params", type=PATH, default=PARAMS, help="Parameters file.")(function)


def path(name: str, text: str) -> Decorator:
    """Add a required option `--name PATH`."""
    return click.option(f"--{name}", type=PATH, required=True, help=text)
