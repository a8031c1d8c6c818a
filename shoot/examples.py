"""Example pictures of stored shots: fabrics drawn by the item's number, the same every time."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from atelier.world.compose import Camera, Fabric, Shot
from atelier.world.fabrics import CLOTH_RGB, make_fabric
from atelier.world.prints import PRINTS
from atelier.world.shards import INDEX, Shards
from atelier.world.shotfile import read_head, unpack

Array = np.ndarray


Facts = dict[str, Any]


def _find(folder: Path) -> Iterator[tuple[str, Facts, Callable[[], bytes]]]:
    """Yield name, facts and reader of every shot of a folder, of files NAME.shot or packed by `shoot.pack`."""
    if (folder / INDEX).exists():
        shards = Shards(folder)
        yield from ((name, facts, partial(shards.read, name)) for name, facts in shards.facts.items())
    for path in sorted(folder.glob("*.shot")):
        data = path.read_bytes()
        yield path.stem, read_head(data)[0]["facts"], partial(bytes, data)


def open_shots(
    folder: Path, count: int | None = None, keep: Callable[[Facts], bool] = lambda facts: True, *, twins: bool = False
) -> Iterator[tuple[str, Shot]]:
    """Open the first shots of a folder by name: name and shot.

    Args:
        folder: has files NAME.shot, or shots packed by `shoot.pack`.
        count: how many at most; None: all.
        keep: tells from a shot's facts whether it is wanted.
        twins: whether twins are opened too.
    """
    wanted = ((name, read) for name, facts, read in _find(folder) if (twins or not facts["twin"]) and keep(facts))
    for name, read in islice(wanted, count):
        yield name, Shot(unpack(read()))


def read_facts(folder: Path) -> Iterator[Facts]:
    """Read the facts of every shot of a folder, twins included."""
    yield from (facts for _, facts, _ in _find(folder))


def open_twin(folder: Path, name: str) -> Shot | None:
    """Open the twin of a shot, with its original's shades; None: it was not kept."""
    twin, path = f"{name}t", folder / f"{name}t.shot"
    if (folder / INDEX).exists():
        shards = Shards(folder)
        return shards.shot(twin) if twin in shards.facts else None
    if not path.exists():
        return None
    shades = Shot(unpack((folder / f"{name}.shot").read_bytes())).shades
    return Shot(unpack(path.read_bytes()), shades)


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
