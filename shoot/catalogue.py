"""Draw contact sheets of products with word marks, and of people beside their deformed twins and body parts.

python -m shoot.catalogue data/products products.png
python -m shoot.catalogue data/lying lying.png
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from atelier.common.command import Command
from atelier.common.errors import UserError
from atelier.common.files import atomic_write
from atelier.world.compose import Camera, Shot
from atelier.world.logos import Logo
from atelier.world.poses import read_parts
from atelier.world.products import draw_plate, sample_word
from atelier.world.shotfile import unpack
from shoot.examples import sample_fabrics
from shoot.sheets import Tile, arrange

Array = np.ndarray
_INKS = (((206, 26, 38), (14, 12, 14)), ((246, 246, 244), (22, 40, 120)), ((20, 20, 24), (240, 236, 228)))
# colours of background, head, torso, arm, leg
_PARTS = np.array([[24, 24, 28], [240, 200, 60], [60, 120, 220], [220, 70, 60], [70, 190, 90]], np.uint8)


def show_product(shot: Shot) -> list[Tile]:
    """Compose a product with a word mark of its own."""
    facts = shot.stored.facts
    rng = np.random.default_rng(facts["item"])
    plate = draw_plate(sample_word(rng), *_INKS[rng.integers(len(_INKS))])
    plain = [fabric for seed in range(30) for fabric in sample_fabrics(seed) if fabric.print is None]
    fabrics = tuple(plain[int(n)] for n in rng.integers(len(plain), size=3))
    camera = Camera(noise=1.6, seed=facts["item"])
    return [("", shot.picture(fabrics, camera, (Logo.fit(plate, facts["logo"]),)))]


def show_body(shot: Shot) -> list[Tile]:
    """Compose a person beside the parts of the body; twins have the same fabrics."""
    facts = shot.stored.facts
    camera = Camera(noise=1.6, seed=facts["item"])
    return [("", shot.picture(sample_fabrics(facts["item"]), camera)), ("", _PARTS[read_parts(facts)])]


def read_tiles(folder: Path, count: int) -> Iterator[list[Tile]]:
    """Yield the tiles of the first shots of a folder; raise UserError if there is none."""
    paths = sorted(folder.glob("*.shot"))[:count]
    if not paths:
        raise UserError(f"{folder} has no .shot file: shoot some with `python -m shoot.products` or `shoot.lying`")
    for path in paths:
        shot = Shot(unpack(path.read_bytes()))
        yield show_product(shot) if "logo" in shot.stored.facts else show_body(shot)


@click.command(cls=Command)
@click.argument("shots", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--count", default=48, show_default=True, help="Shots at most.")
@click.option("--columns", default=8, show_default=True, help="Tiles in a row.")
@click.option("--side", default=128, show_default=True, help="Side of a tile, pixels.")
def main(shots: Path, out: Path, count: int, columns: int, side: int) -> None:
    """Draw a contact sheet of products or people; the ending of OUT is the format."""
    rows = list(read_tiles(shots, count))
    with atomic_write(out) as partial:
        arrange(rows, columns, side).save(partial)


if __name__ == "__main__":
    main()
