"""Example pictures of stored shots: fabrics drawn by the item's number, the same every time."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from atelier.world.compose import Camera, Fabric, Shot
from atelier.world.fabrics import CLOTH_RGB, make_fabric
from atelier.world.prints import PRINTS
from atelier.world.shotfile import read_head, unpack

Array = np.ndarray


def open_shots(
    folder: Path,
    count: int | None = None,
    keep: Callable[[dict[str, Any]], bool] = lambda facts: True,
    *,
    twins: bool = False,
) -> Iterator[tuple[str, Shot]]:
    """Open the first shots of a folder by name: name and shot.

    Args:
        count: how many at most; None: all.
        keep: tells from a shot's facts whether it is wanted.
        twins: whether twins are opened too.
    """
    paths = [path for path in sorted(folder.glob("*.shot")) if twins or not path.stem.endswith("t")]
    files = ((path.stem, path.read_bytes()) for path in paths)
    for name, data in islice((one for one in files if keep(read_head(one[1])[0]["facts"])), count):
        yield name, Shot(unpack(data))


def read_facts(folder: Path) -> Iterator[dict[str, Any]]:
    """Read the facts of every shot of a folder, twins included."""
    for path in sorted(folder.glob("*.shot")):
        yield read_head(path.read_bytes())[0]["facts"]


def open_twin(folder: Path, name: str) -> Shot | None:
    """Open the twin of a shot; None: it was not kept."""
    path = folder / f"{name}t.shot"
    return Shot(unpack(path.read_bytes())) if path.exists() else None


def sample_fabrics(seed: int) -> tuple[Fabric, ...]:
    """Draw three fabrics, four in ten with a print."""
    rng = np.random.default_rng([seed, 21])
    fabrics = []
    for _ in range(3):
        colour = str(rng.choice(list(CLOTH_RGB)))
        style = str(rng.choice(list(PRINTS))) if rng.random() < 0.4 else ""
        fabrics.append(make_fabric(colour, PRINTS[style].pattern if style else "solid", style))
    return tuple(fabrics)


def compose_example(shot: Shot, seed: int | None = None) -> Array:
    """Compose a picture of a shot, uint8 (H, W, 3).

    Args:
        seed: of fabrics and noise; None: the number of the shot's item.
    """
    seed = shot.stored.facts["item"] if seed is None else seed
    return shot.picture(sample_fabrics(seed), Camera(noise=1.6, seed=seed))
