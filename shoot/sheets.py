"""Contact sheets of stored shots: unselected, or of one kind of garment, view or domain; twins; edits.

    python -m shoot.sheets data/shots people.webp --count 48
    python -m shoot.sheets data/shots dresses.webp --kind dress --count 24
    python -m shoot.sheets data/shots twins.webp --show twins --count 8
    python -m shoot.sheets data/shots edits.webp --show edits --count 6

Shots are taken in the order of their names; --skip passes over the first of those that fit.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageDraw

from atelier.common.command import Command
from atelier.common.errors import UserError
from atelier.common.files import atomic_write
from atelier.world.compose import Camera, Shot
from atelier.world.fabrics import CLOTH_RGB, make_fabric
from shoot.cuts import KINDS
from shoot.examples import compose_example, open_shots, open_twin, sample_fabrics
from shoot.plan import DOMAINS, VIEWS

Array = np.ndarray
Tile = tuple[str, Array]  # caption, picture
_CAPTION = 13  # height of a caption, px
_QUALITY = 88  # of JPEG and WebP


def show_people(folder: Path, shots: Iterator[tuple[str, Shot]]) -> Iterator[list[Tile]]:
    """Yield the picture of each shot, without captions."""
    for _, shot in shots:
        yield [("", compose_example(shot))]


def show_twins(folder: Path, shots: Iterator[tuple[str, Shot]]) -> Iterator[list[Tile]]:
    """Yield each shot beside its twin, which differs in one cut."""
    for name, shot in shots:
        twin = open_twin(folder, name)
        if twin is not None:
            number, words = twin.stored.facts["twin"]
            kind = shot.stored.facts["outfit"][number]["kind"]
            yield [(kind, compose_example(shot)), (words, compose_example(twin, seed=shot.stored.facts["item"]))]


def show_edits(folder: Path, shots: Iterator[tuple[str, Shot]]) -> Iterator[list[Tile]]:
    """Yield a shot, edits of one garment (colour, prints, cut), and the garment's mask."""
    for name, shot in shots:
        twin = open_twin(folder, name)
        if twin is None:
            continue
        number, words = twin.stored.facts["twin"]
        item = shot.stored.facts["item"]
        fabrics, camera = list(sample_fabrics(item)), Camera(noise=1.6, seed=item)
        first, second = np.random.default_rng([item, 22]).choice(list(CLOTH_RGB), 2, replace=False)
        fabrics[number] = make_fabric(first)
        changes = {"colour": make_fabric(second)}
        changes |= {pattern: make_fabric(first, pattern) for pattern in ("stripes", "floral")}
        kind = shot.stored.facts["outfit"][number]["kind"]
        row = [(kind, shot.picture(tuple(fabrics), camera))]
        for what, fabric in changes.items():
            edited = (*fabrics[:number], fabric, *fabrics[number + 1 :])
            row.append((what, shot.picture(edited, camera)))
        row.append((words, twin.picture(tuple(fabrics), camera)))
        mask = np.repeat(shot.alpha[..., number, None], 3, axis=2)
        yield [*row, ("mask", mask)]


SHOWN = {"people": show_people, "twins": show_twins, "edits": show_edits}


def arrange(rows: list[list[Tile]], columns: int, side: int) -> Image.Image:
    """Arrange tiles of side × side pixels; what belongs together is never divided."""
    width = max(len(row) for row in rows)
    across = max(1, columns // width)
    captions = any(text for row in rows for text, _ in row)
    height = side + _CAPTION * captions
    page = Image.new("RGB", (side * width * across, height * -(-len(rows) // across)), (24, 24, 24))
    draw = ImageDraw.Draw(page)
    for number, row in enumerate(rows):
        left, top = number % across * width * side, number // across * height
        for place, (text, picture) in enumerate(row):
            tile = Image.fromarray(picture)
            page.paste(tile.resize((side, side), Image.Resampling.BOX), (left + place * side, top))
            draw.text((left + place * side + 3, top + side), text, fill=(235, 235, 235))
    return page


@click.command(cls=Command)
@click.argument("shots", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--show", type=click.Choice(list(SHOWN)), default="people", show_default=True, help="What a shot shows.")
@click.option("--count", default=48, show_default=True, help="Shots at most.")
@click.option("--skip", default=0, show_default=True, help="Fitting shots to pass over.")
@click.option("--columns", default=8, show_default=True, help="Tiles in a row.")
@click.option("--side", default=128, show_default=True, help="Side of a tile, pixels.")
@click.option("--kind", type=click.Choice(KINDS), help="Only shots with this kind of garment.")
@click.option("--view", type=click.Choice(list(VIEWS)), help="Only shots in this view.")
@click.option("--each-item", is_flag=True, help="Only the first fitting shot of each outfit.")
@click.option("--domain", type=click.Choice(DOMAINS), help="Only shots in this domain.")
def main(
    shots: Path, out: Path, show: str, count: int, skip: int, columns: int, side: int,
    kind: str | None, view: str | None, domain: str | None, each_item: bool,
) -> None:  # fmt: skip
    """Draw a contact sheet of stored shots; the ending of OUT is the format."""

    shown: set[int] = set()

    def fits(facts: dict) -> bool:
        kinds = {cut["kind"] for cut in facts["outfit"]}
        good = kind in (None, *kinds) and view in (None, facts["view"]) and domain in (None, facts["domain"])
        good = good and not (each_item and facts["item"] in shown)
        if good:
            shown.add(facts["item"])
        return good

    rows = list(islice(SHOWN[show](shots, open_shots(shots, keep=fits)), skip, skip + count))
    if not rows:
        raise UserError(f"{shots}: no shots that fit")
    with atomic_write(out) as partial:
        arrange(rows, columns, side).save(partial, quality=_QUALITY)
    click.echo(f"{len(rows)} shots, {out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
