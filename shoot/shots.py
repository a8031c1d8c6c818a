"""What the commands that take shots share: their options, the people they show, and how a shot is written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atelier.common.files import atomic_write
from atelier.world.shotfile import pack

if TYPE_CHECKING:
    from shoot.bodies import Bodies
    from shoot.expose import Layers


def shot_options(command: Callable) -> Callable:
    """Add the options --out, --size and --samples."""
    for option in (
        click.option("--samples", default=48, show_default=True, help="Paths per pixel."),
        click.option("--size", default=128, show_default=True, help="Side of the pictures, pixels."),
        click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the shots."),
    ):
        command = option(command)
    return command


def people_option(count: int) -> Callable:
    """Return the option --people."""
    return click.option("--people", default=count, show_default=True, help="Number of different people.")


def list_people(bodies: "Bodies", count: int) -> list[tuple[int, bool]]:
    """Return seeds of people and whether each is female."""
    from shoot.bodies import sample_person

    return [(seed, sample_person(seed, bodies.features).female) for seed in range(count)]


def write_shot(path: Path, layers: "Layers", facts: dict[str, Any]) -> None:
    """Write a shot with its facts, which become plain JSON."""
    with atomic_write(path) as partial:
        partial.write_bytes(pack(layers, json.loads(json.dumps(facts))))
