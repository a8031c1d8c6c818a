"""Draw the prints of fabrics as tiles, which composing reads from a file.

    python -m shoot.prints

A texel has a share of the base colour, of a second and of a third colour. A tile repeats in both directions.
"""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from atelier.common.files import atomic_write
from atelier.world import prints
from atelier.world.prints import SIDE

Array = np.ndarray
_SOFT = 1.4  # width of an edge, texels


def _grid() -> tuple[Array, Array]:
    """Return the centres of the texels, in units of the tile."""
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
    return x, y


def _edge(inside: Array) -> Array:
    """Turn a distance from an outline, in units of the tile, into coverage."""
    return np.clip(inside * SIDE / _SOFT + 0.5, 0, 1)


def _tile(second: Array, third: Array | float = 0.0) -> Array:
    third = np.broadcast_to(third, second.shape)
    shares = np.stack([second * (1 - third), third], axis=-1)
    return (255 * shares.clip(0, 1)).round().astype(np.uint8)


def _wrap(offset: Array) -> Array:
    return (offset + 0.5) % 1 - 0.5


def _noise(rng: np.random.Generator, sigma: float | tuple[float, float]) -> Array:
    """Return smooth noise that repeats, of mean 0 and standard deviation 1; `sigma`: texels."""
    values = gaussian_filter(rng.normal(size=(SIDE, SIDE)), sigma, mode="wrap")
    return (values - values.mean()) / values.std()


def _above(values: Array, share: float) -> Array:
    """Return the coverage of the part of smooth noise that is highest and has that share of the area."""
    level = np.quantile(values, 1 - share)
    slope = np.hypot(*(np.roll(values, -1, axis) - np.roll(values, 1, axis) for axis in (0, 1))) / 2
    return np.clip((values - level) / np.maximum(slope * _SOFT, 1e-3) + 0.5, 0, 1)


def _stripes(_: np.random.Generator) -> Array:
    _, y = _grid()
    return _tile(_edge(0.21 - np.abs(y - 0.5)))


def _dots(_: np.random.Generator) -> Array:
    x, y = _grid()
    near = [np.hypot(_wrap(x - cx), _wrap(y - cy)) for cx, cy in ((0.25, 0.25), (0.75, 0.75))]
    return _tile(_edge(0.17 - np.minimum(*near)))


def _check(_: np.random.Generator) -> Array:
    x, y = _grid()
    return _tile(0.5 * _edge(0.22 - np.abs(x - 0.5)) + 0.5 * _edge(0.22 - np.abs(y - 0.5)))


def _plaid(_: np.random.Generator) -> Array:
    x, y = _grid()
    broad = 0.42 * _edge(0.19 - np.abs(x - 0.5)) + 0.42 * _edge(0.19 - np.abs(y - 0.5))
    lines = np.maximum(_edge(0.025 - np.abs(_wrap(x - 0.04))), _edge(0.025 - np.abs(_wrap(y - 0.04))))
    return _tile(broad, 0.7 * lines)


def _floral(rng: np.random.Generator) -> Array:
    """Scatter flowers of five petals of three sizes."""
    x, y = _grid()
    petals, hearts = np.zeros((2, SIDE, SIDE))
    flowers = ((0.22, 0.24, 0.17), (0.72, 0.70, 0.17), (0.74, 0.22, 0.10), (0.24, 0.74, 0.10), (0.48, 0.48, 0.07),
               (0.98, 0.47, 0.07))  # fmt: skip
    for cx, cy, size in flowers:
        across, down = _wrap(x - cx), _wrap(y - cy)
        radius, angle = np.hypot(across, down), np.arctan2(down, across) + rng.uniform(0, 6)
        petals = np.maximum(petals, _edge(size * (0.70 + 0.30 * np.cos(5 * angle)) - radius))
        hearts = np.maximum(hearts, _edge(0.30 * size - radius))
    return _tile(petals, hearts)


def _leopard(rng: np.random.Generator) -> Array:
    """Grow rosettes: broken dark rings around a slightly darker ground."""
    x, y = _grid()
    rings, fills = np.zeros((2, SIDE, SIDE))
    noise = _noise(rng, 5)
    count = 4
    for row in range(count):
        for column in range(count):
            cx = (column + 0.5 * (row % 2) + rng.uniform(-0.18, 0.18)) / count
            cy = (row + rng.uniform(-0.18, 0.18)) / count
            across, down = _wrap(x - cx), _wrap(y - cy)
            radius = np.hypot(across, down * rng.uniform(0.8, 1.3)) + 0.010 * noise
            gap = np.cos(np.arctan2(down, across) * 2 + rng.uniform(0, 6)) > -0.75
            rings = np.maximum(rings, _edge(0.024 - np.abs(radius - 0.072)) * gap)
            fills = np.maximum(fills, _edge(0.066 - radius))
    return _tile(np.clip(fills * 0.5, 0, 1), rings)


def _zebra(rng: np.random.Generator) -> Array:
    """Bend stripes that fork where the noise that bends them is steep."""
    _, y = _grid()
    wave = np.sin(2 * np.pi * (5 * y + 0.55 * _noise(rng, (9, 14))))
    return _tile(np.zeros_like(y), _above(wave + 0.25 * _noise(rng, (3, 9)), 0.44))


def _animal(rng: np.random.Generator) -> Array:
    """Divide the tile into the patches of a giraffe, darker than the lines between them."""
    points = np.array([[(i + 0.5 * (j % 2) + rng.uniform(-0.25, 0.25)) / 4, (j + rng.uniform(-0.25, 0.25)) / 4]
                       for i in range(4) for j in range(4)])  # fmt: skip
    everywhere = np.concatenate([points + np.array([i, j]) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    near, _ = cKDTree(everywhere).query(np.stack(_grid(), axis=-1), k=2)
    return _tile(np.zeros((SIDE, SIDE)), _edge((near[..., 1] - near[..., 0]) / 2 - 0.038) * 0.9)


def _snake(rng: np.random.Generator) -> Array:
    """Lay scales in rows, with darker saddles."""
    x, y = _grid()
    across, along = _wrap(8 * (x + y)) / 8, _wrap(8 * (x - y)) / 8
    scales = _edge(0.046 - np.maximum(np.abs(across), np.abs(along)))
    saddles = _above(np.cos(2 * np.pi * 2 * x) * np.cos(2 * np.pi * 2 * y) + 0.35 * _noise(rng, 5), 0.42)
    return _tile(0.35 * (1 - scales), 0.85 * scales * saddles)


def _camouflage(rng: np.random.Generator) -> Array:
    second, third = (_above(_noise(rng, (8, 12)), share) for share in (0.34, 0.2))
    return _tile(second, third)


def _tie_dye(rng: np.random.Generator) -> Array:
    """Let rings of dye run out from two centres."""
    x, y = _grid()
    bleed = 0.05 * _noise(rng, 6)
    radius = np.minimum(*(np.hypot(_wrap(x - c), _wrap(y - d)) for c, d in ((0.25, 0.3), (0.75, 0.8)))) + bleed
    rings = 0.5 + 0.5 * np.cos(2 * np.pi * radius * 5)
    return _tile(0.85 * np.clip(rings * 1.7 - 0.7, 0, 1))


def _outline(points: Array) -> Array:
    """Fill an outline of points in units of the tile, (n, 2)."""
    big = Image.new("L", (8 * SIDE, 8 * SIDE))
    ImageDraw.Draw(big).polygon([tuple(point) for point in points * 8 * SIDE], fill=255)
    return np.asarray(big.reduce(8)) / 255


def _graphic(_: np.random.Generator) -> Array:
    """Print a heart and a star."""
    turn = np.linspace(0, 2 * np.pi, 100)
    down = -13 * np.cos(turn) + 5 * np.cos(2 * turn) + 2 * np.cos(3 * turn) + np.cos(4 * turn)
    heart = np.stack([16 * np.sin(turn) ** 3, down], axis=1) / 80 + 0.25
    corner = np.arange(10) * np.pi / 5
    radius = np.where(np.arange(10) % 2, 0.09, 0.215)[:, None]
    star = 0.75 + radius * np.stack([np.sin(corner), -np.cos(corner)], axis=1)
    return _tile(_outline(star), _outline(heart))


def _paisley(_: np.random.Generator) -> Array:
    """Turn drops with bent tips, each with a heart and a row of dots."""
    x, y = _grid()
    drops, hearts = np.zeros((2, SIDE, SIDE))
    for cx, cy, side in ((0.27, 0.3, 1), (0.77, 0.8, -1)):
        for step in np.linspace(0, 1, 40):
            bend, rise, narrow = side * 0.17 * step**2, -0.24 * step, (1 - step) ** 0.75
            across, down = _wrap(x - cx), side * _wrap(y - cy)
            drops = np.maximum(drops, _edge(0.125 * narrow - np.hypot(across - bend, down - rise)))
            hearts = np.maximum(hearts, _edge(0.055 * narrow - np.hypot(across - 0.6 * bend, down - 0.6 * rise)))
    for cx, cy in ((0.77, 0.27), (0.27, 0.77), (0.5, 0.03), (0.02, 0.53)):
        drops = np.maximum(drops, _edge(0.03 - np.hypot(_wrap(x - cx), _wrap(y - cy))))
    return _tile(drops, hearts)


def _geometric(_: np.random.Generator) -> Array:
    """Set zigzags and diamonds in rows."""
    x, y = _grid()
    zigzag = _edge(0.055 - np.abs(_wrap(y - 0.25 - 0.09 * (np.abs(_wrap(2 * x)) * 4 - 1))))
    diamonds = _edge(0.1 - np.abs(_wrap(2 * x)) / 2 - np.abs(_wrap(y - 0.75)))
    return _tile(zigzag, diamonds)


def _abstract(rng: np.random.Generator) -> Array:
    """Draw the veins and clouds of marble."""
    field = _noise(rng, (10, 16)) + 0.25 * _noise(rng, 4)
    veins = np.clip(1.15 - np.abs(field - 0.35) * 9, 0, 1)
    return _tile(0.85 * _above(field, 0.3), 0.9 * veins)


def _ombre(_: np.random.Generator) -> Array:
    """Fade to the second colour and back."""
    _, y = _grid()
    return _tile(np.clip(1.5 * np.abs(_wrap(y)) * 2 - 0.5, 0, 1) * 0.95)


DRAW: dict[str, Callable[[np.random.Generator], Array]] = {
    "stripes": _stripes, "thin stripes": _stripes, "wide stripes": _stripes, "dots": _dots, "floral": _floral,
    "plaid": _plaid, "check": _check, "leopard": _leopard, "zebra": _zebra, "snake": _snake, "animal": _animal,
    "camouflage": _camouflage, "tie-dye": _tie_dye, "graphic": _graphic, "paisley": _paisley,
    "geometric": _geometric, "abstract": _abstract, "ombre": _ombre,
}  # fmt: skip


def draw_tiles() -> dict[str, Array]:
    """Return the tiles by name: uint8 (SIDE, SIDE, 2), shares of the second and the third colour of 255."""
    return {name: DRAW[name](np.random.default_rng([5, number])) for number, name in enumerate(prints.PRINTS)}


def main() -> None:
    """Draw the tiles, one below another, into the file that composing reads."""
    tiles = np.concatenate(list(draw_tiles().values()))
    buffer = io.BytesIO()
    Image.fromarray(np.dstack([tiles, 0 * tiles[..., :1]])).save(buffer, "WEBP", lossless=True, method=6)
    with atomic_write(Path(prints.__file__).with_suffix(".webp")) as partial:
        partial.write_bytes(buffer.getvalue())


if __name__ == "__main__":
    main()
