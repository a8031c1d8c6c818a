"""Draw the prints of fabrics as tiles: which share of base colour, second and third colour each texel has.

A tile repeats in both directions. The tiles are stored, so that composing needs no function that rounds differently on
other machines.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

Array = np.ndarray
SIDE = 192  # texels
_SEED = 5
_SOFT = 2.0  # width of an edge, texels
_FLOWERS = (  # centre and size, in units of the tile
    *((0.22, 0.24, 0.17), (0.72, 0.70, 0.17), (0.74, 0.22, 0.10)),
    *((0.24, 0.74, 0.10), (0.48, 0.48, 0.07), (0.98, 0.47, 0.07)),
)

# size of one repeat on the cloth, m
REPEATS = {"thin stripes": 0.022, "stripes": 0.060, "wide stripes": 0.130, "dots": 0.065, "check": 0.040,
           "plaid": 0.120, "floral": 0.140, "animal": 0.120}  # fmt: skip


def draw_tiles() -> dict[str, Array]:
    """Return the tiles by name: uint8 (SIDE, SIDE, 2), shares of the second and the third colour of 255."""
    rng = np.random.default_rng(_SEED)
    draw = {"dots": _dots, "check": _check, "plaid": _plaid}
    tiles = {name: draw[name]() if name in draw else _stripes() for name in REPEATS if name not in ("floral", "animal")}
    return tiles | {"floral": _floral(rng), "animal": _animal(rng)}


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


def _stripes() -> Array:
    _, y = _grid()
    return _tile(_edge(0.25 - np.abs(y - 0.5)))


def _dots() -> Array:
    x, y = _grid()
    near = [np.hypot(_wrap(x - cx), _wrap(y - cy)) for cx, cy in ((0.25, 0.25), (0.75, 0.75))]
    return _tile(_edge(0.17 - np.minimum(*near)))


def _check() -> Array:
    x, y = _grid()
    return _tile(0.5 * _edge(0.25 - np.abs(x - 0.5)) + 0.5 * _edge(0.25 - np.abs(y - 0.5)))


def _plaid() -> Array:
    x, y = _grid()
    broad = 0.42 * _edge(0.19 - np.abs(x - 0.5)) + 0.42 * _edge(0.19 - np.abs(y - 0.5))
    lines = np.maximum(_edge(0.025 - np.abs(_wrap(x - 0.04))), _edge(0.025 - np.abs(_wrap(y - 0.04))))
    return _tile(broad, 0.7 * lines)


def _wrap(offset: Array) -> Array:
    return (offset + 0.5) % 1 - 0.5


def _floral(rng: np.random.Generator) -> Array:
    """Scatter flowers of five petals of two sizes."""
    x, y = _grid()
    petals, hearts = np.zeros((2, SIDE, SIDE))
    flowers = [
        (0.22, 0.24, 0.17),
        (0.72, 0.70, 0.17),
        (0.74, 0.22, 0.10),
        (0.24, 0.74, 0.10),
        (0.48, 0.48, 0.07),
        (0.98, 0.47, 0.07),
    ]
    for cx, cy, size in flowers:
        across, down = _wrap(x - cx), _wrap(y - cy)
        radius, angle = np.hypot(across, down), np.arctan2(down, across) + rng.uniform(0, 6)
        petals = np.maximum(petals, _edge(size * (0.70 + 0.30 * np.cos(5 * angle)) - radius))
        hearts = np.maximum(hearts, _edge(0.30 * size - radius))
    return _tile(petals, hearts)


def _animal(rng: np.random.Generator) -> Array:
    """Grow the rosettes of a leopard: broken dark rings around a slightly darker ground."""
    x, y = _grid()
    rings, fills = np.zeros((2, SIDE, SIDE))
    noise = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 7, mode="wrap")
    noise /= noise.std()
    count = 5
    for row in range(count):
        for column in range(count):
            cx = (column + 0.5 * (row % 2) + rng.uniform(-0.18, 0.18)) / count
            cy = (row + rng.uniform(-0.18, 0.18)) / count
            across, down = _wrap(x - cx), _wrap(y - cy)
            radius = np.hypot(across, down * rng.uniform(0.8, 1.3)) + 0.010 * noise
            gap = np.cos(np.arctan2(down, across) * 2 + rng.uniform(0, 6)) > -0.75
            rings = np.maximum(rings, _edge(0.020 - np.abs(radius - 0.060)) * gap)
            fills = np.maximum(fills, _edge(0.055 - radius))
    return _tile(np.clip(fills * 0.45, 0, 1), rings)
