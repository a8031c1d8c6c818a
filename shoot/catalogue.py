"""Draw contact sheets of products with word marks, and of people beside their deformed twins and body parts.

python -m shoot.catalogue data/products products.png
python -m shoot.catalogue data/lying lying.png
"""

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from atelier.common.command import Command
from atelier.common.errors import UserError
from atelier.common.files import atomic_write
from atelier.world.compose import Camera, Shot
from atelier.world.logos import Logo
from atelier.world.shotfile import unpack
from shoot.examples import sample_fabrics
from shoot.sheets import Tile, arrange

Array = np.ndarray
_LETTERS = "ABCDEFGHIKLMNOPRSTUVXYZ"
_INKS = (((206, 26, 38), (14, 12, 14)), ((246, 246, 244), (22, 40, 120)), ((20, 20, 24), (240, 236, 228)))
# colours of background, head, torso, arm, leg
_PARTS = np.array([[24, 24, 28], [240, 200, 60], [60, 120, 220], [220, 70, 60], [70, 190, 90]], np.uint8)


def draw_word(word: str, fill: tuple[int, int, int], ink: tuple[int, int, int]) -> Array:
    """Draw a word on a plate, uint8 (96, 232, 4)."""
    plate = Image.new("RGBA", (232, 96), (*fill, 255))
    pen = ImageDraw.Draw(plate)
    pen.text((116, 48), word, fill=(*ink, 255), font=ImageFont.load_default(74), anchor="mm", stroke_width=2)
    return np.asarray(plate)


def show_product(shot: Shot) -> list[Tile]:
    """Compose a product with a word mark of its own."""
    facts = shot.stored.facts
    rng = np.random.default_rng(facts["item"])
    word, inks = "".join(rng.choice(list(_LETTERS), 4)), _INKS[rng.integers(len(_INKS))]
    plain = [fabric for seed in range(30) for fabric in sample_fabrics(seed) if fabric.print is None]
    fabrics = tuple(plain[int(n)] for n in rng.integers(len(plain), size=3))
    camera = Camera(noise=1.6, seed=facts["item"])
    return [("", shot.picture(fabrics, camera, (Logo.fit(draw_word(word, *inks), facts["logo"]),)))]


def show_body(shot: Shot) -> list[Tile]:
    """Compose a person beside the parts of the body; twins have the same fabrics."""
    facts = shot.stored.facts
    parts = np.asarray(Image.open(io.BytesIO(base64.b64decode(facts["parts"]))))
    camera = Camera(noise=1.6, seed=facts["item"])
    return [("", shot.picture(sample_fabrics(facts["item"]), camera)), ("", _PARTS[parts])]


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
