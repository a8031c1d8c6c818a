"""Example pictures of stored shots: fabrics drawn by the shot's number, the same every time."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from shoot.compose import Camera, Fabric, Shot
from shoot.prints import REPEATS
from shoot.shotfile import unpack

Array = np.ndarray
COLOURS = (
    *((205, 32, 42), (240, 130, 30), (246, 212, 52), (38, 142, 70), (36, 82, 196), (116, 52, 162), (240, 132, 178)),
    *((116, 72, 42), (36, 36, 42), (240, 240, 238), (28, 38, 80), (128, 128, 130), (222, 202, 170), (20, 120, 120)),
    *((110, 24, 44), (100, 104, 50)),
)


def open_shots(folder: Path, count: int) -> Iterator[tuple[str, Shot]]:
    """Open the first shots of a folder by name, without twins."""
    paths = [path for path in sorted(folder.glob("*.shot")) if not path.stem.endswith("t")]
    for path in paths[:count]:
        yield path.stem, Shot(unpack(path.read_bytes()))


def sample_fabrics(seed: int) -> tuple[Fabric, ...]:
    """Draw three fabrics, four in ten with a print."""
    rng = np.random.default_rng([seed, 21])
    fabrics = []
    for _ in range(3):
        colour = COLOURS[rng.integers(len(COLOURS))]
        name = str(rng.choice(list(REPEATS))) if rng.random() < 0.4 else None
        fabrics.append(Fabric(colour, name, (245, 240, 235) if sum(colour) < 600 else (44, 62, 112)))
    return tuple(fabrics)


def compose_example(shot: Shot) -> Array:
    """Compose the picture of a shot, uint8 (H, W, 3)."""
    return shot.picture(sample_fabrics(shot.stored.facts["item"]), Camera(noise=1.6, seed=shot.stored.facts["item"]))
