"""Measure how far a print on the picture's grid is from the same print on the cloth, inside of a garment.

    python scripts/compare_prints.py SHOTS --count 60

Training pairs made of photographs can only be printed on the picture's grid (an overlay); what is measured against is
printed on the cloth. For every print: RMSE of the overlay and of the source in its plain colour, in levels of 255, by
pixel and by the mean of cells of 8 × 8 px (what a latent of f = 8 sees in one cell); medians over shots.
"""

from pathlib import Path

import click
import numpy as np

from atelier.world.compose import Fabric, Shot
from atelier.world.fabrics import PATTERNS, make_fabric, styles_of
from atelier.world.shotfile import unpack

Array = np.ndarray
CELL = 8  # px
COLOURS = ("white", "red", "navy", "beige", "green")


def rmse(a: Array, b: Array, weight: Array) -> float:
    """Return the root of the mean squared difference, weighted: (H, W, 3) and (H, W)."""
    return float(np.sqrt((((a - b) ** 2).mean(-1) * weight).sum() / weight.sum()))


def cells(picture: Array, weight: Array) -> tuple[Array, Array]:
    """Return the weighted mean of every cell and the cells' weights: (h, w, 3) and (h, w)."""
    height, width = (side // CELL for side in weight.shape)
    block = (picture * weight[..., None]).reshape(height, CELL, width, CELL, 3).sum((1, 3))
    total = weight.reshape(height, CELL, width, CELL).sum((1, 3))
    return block / np.maximum(total, 1e-6)[..., None], total


def compare(shot: Shot, layer: int, colour: str, pattern: str, style: str) -> tuple[float, float, float, float]:
    """Return RMSE of overlay and source, in pixels and in cells: overlay, source, overlay in cells, source in cells."""

    def compose(fabric: Fabric) -> Array:
        fabrics = [Fabric((128, 128, 128))] * 3
        fabrics[layer] = fabric
        return shot.picture(tuple(fabrics)).astype(np.float32)

    target, overlay, source = (
        compose(make_fabric(colour, pattern, style)),
        compose(make_fabric(colour, pattern, style, grid=0.125)),
        compose(make_fabric(colour)),
    )
    weight = (shot.alpha[..., layer] == 255).astype(np.float32)
    found = [rmse(other, target, weight) for other in (overlay, source)]
    in_cells, mass = cells(target, weight)
    return *found, *(rmse(cells(other, weight)[0], in_cells, mass) for other in (overlay, source))


@click.command()
@click.argument("shots", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--count", default=60, show_default=True, help="Shots at most.")
def main(shots: Path, count: int) -> None:
    """Print a Markdown table of every print."""
    paths = [path for path in sorted(shots.glob("*.shot")) if not path.stem.endswith("t")]
    opened = [Shot(unpack(path.read_bytes())) for path in paths[:: max(1, len(paths) // count)][:count]]
    click.echo("| print | overlay | plain source | overlay, cells of 8 px | plain source, cells |")
    click.echo("|---|---|---|---|---|")
    for pattern in PATTERNS[1:]:
        for style in styles_of(pattern):
            rows = []
            for number, shot in enumerate(opened):
                layer = int(np.argmax([(shot.alpha[..., n] == 255).sum() for n in range(3)]))
                rows.append(compare(shot, layer, COLOURS[number % len(COLOURS)], pattern, style))
            click.echo(f"| {style} | " + " | ".join(f"{value:.1f}" for value in np.median(rows, axis=0)) + " |")


if __name__ == "__main__":
    main()
