"""Grounds that products stand and people lie on, seen from near: grass with blades, sand, snow, a table, a wall.

Legend: as in `places`: x to the right of the picture, y away from the camera, z up, m.
"""

from dataclasses import replace

import numpy as np

from shoot import textures, things
from shoot.places import Place, make_place
from shoot.things import Thing

Array = np.ndarray
Rng = np.random.Generator
GROUNDS = ("studio", "table", "floor", "grass", "street", "sand", "snow", "wall")
WORDS = {"studio": "", "table": "on a table", "floor": "on the floor", "grass": "on the grass",
         "street": "on the street", "sand": "on the sand", "snow": "in the snow", "wall": "on the wall"}  # fmt: skip
_TABLE = 0.74  # height of a table, m


def lay_ground(kind: str, seed: int, tile: float, blades: tuple[float, float] | None = None) -> Place:
    """Make the surroundings of something at the origin.

    Args:
        kind: one of GROUNDS.
        tile: side of one repeat of the ground's texture, m: smaller for small things.
        blades: radii of the ring around the origin in which blades of grass stand, m; None: no blades.
    """
    rng = np.random.default_rng([seed, 20])
    if kind == "studio":
        return make_place("studio", seed)
    if kind == "table":
        return _table(rng, seed)
    if kind == "floor":
        return _on_top(make_place("room", seed), things.floor(textures.planks(rng), -7, 0.9, 0.001, 1.2 * tile))
    if kind == "street":
        texture = textures.paving(rng) if rng.random() < 0.6 else _gravel(rng, textures.asphalt(rng, 1024))
        return _on_top(make_place("street", seed), things.floor(texture, -7, 0.9, 0.001, 2 * tile))
    if kind == "grass":
        place = _on_top(make_place("park", seed), things.floor(textures.grass(rng), -7, 15.9, 0.001, tile))
        if blades:
            place.things += _blades(rng, *blades)
        return place
    return {"sand": _beach, "snow": _snow, "wall": _wall}[kind](rng, tile)


def _on_top(place: Place, ground: Thing) -> Place:
    return replace(place, things=[*place.things, ground])


def _table(rng: Rng, seed: int) -> Place:
    """Stand in front of a table in a room."""
    room = make_place("room", seed)
    lowered = [replace(thing, vertices=thing.vertices - [0, 0, _TABLE]) for thing in room.things]
    half, deep = rng.uniform(0.7, 1.0), rng.uniform(0.35, 0.5)
    if rng.random() < 0.65:
        top = textures.planks(rng, 512)
    else:
        top = np.clip(textures.sample_colour(rng, 0.15, 0.3, 0.8) * np.ones((2, 2, 3)), 0, 0.85)
    edge = top.mean((0, 1)) * 0.8
    plate = things.plane(
        [[-half, -deep, 0.001], [half, -deep, 0.001], [half, deep, 0.001], [-half, deep, 0.001]],
        np.rot90(top) if rng.random() < 0.5 else top,
        (2.0, 1.0),
        0.35,
    )
    lowered += [plate, things.box([-half, -deep, -0.035], [half, deep, 0.0], edge)]
    for x in (-half + 0.05, half - 0.1):
        lowered.append(things.box([x, -deep + 0.05, -_TABLE], [x + 0.05, deep - 0.05, -0.03], edge))
    return replace(room, things=lowered, aperture=0.0)


def _gravel(rng: Rng, ground: Array) -> Array:
    """Scatter light grains."""
    grains = rng.normal(size=ground.shape[:2])
    return np.clip(ground * (1 + 0.5 * np.maximum(grains - 1, 0) + 0.12 * grains)[..., None], 0.02, 0.9)


def _beach(rng: Rng, tile: float) -> Place:
    """Lie on sand in front of the sea."""
    n = 1024
    y = np.mgrid[:n, :n][0] / n
    ripple = 0.05 * np.sin(2 * np.pi * (14 * y + 2 * textures.cloud_noise(rng, n, n, 300, 2) * 0.1))
    shade = 1 + ripple + 0.07 * textures.cloud_noise(rng, n, n, 3, 2) + 0.05 * textures.cloud_noise(rng, n, n, 150)
    sand = np.array([0.55, 0.43, 0.28]) * rng.uniform(0.8, 1.15)
    place = Place("beach", outdoor=True, sun=bool(rng.random() < 0.7), aperture=0.004)
    shore = rng.uniform(5, 8)
    place.things += [
        things.floor(np.clip(sand * shade[..., None], 0.02, 0.9), -7, shore, tile=tile),
        things.floor(np.full((2, 2, 3), sand * 0.55), shore, shore + 0.7, -0.004),
        things.plane(
            [[-90, shore + 0.5, -0.002], [90, shore + 0.5, -0.002], [90, 140, -0.002], [-90, 140, -0.002]],
            np.full((2, 2, 3), [0.05, 0.16, 0.22]),
            (1, 1),
            0.25,
        ),
    ]
    return place


def _snow(rng: Rng, tile: float) -> Place:
    """Lie on snow in front of bare bushes and firs."""
    n = 512
    shade = 1 + 0.025 * textures.cloud_noise(rng, n, n, 60) + 0.012 * textures.cloud_noise(rng, n, n, 2, 1)
    place = Place("snow", outdoor=True, sun=bool(rng.random() < 0.5), aperture=0.004)
    place.things.append(things.floor(np.clip([0.80, 0.82, 0.85] * shade[..., None], 0, 0.9), -7, 18, tile=tile))
    for x in np.arange(-13, 13, 1.6):
        colour = [0.05, 0.07, 0.05] if rng.random() < 0.6 else [0.12, 0.09, 0.07]
        bush = things.leaves(rng, np.array([x, 13, 0.9]), rng.uniform(1.0, 2.0), 900, np.array(colour))
        place.things.append(bush)
    return place


def _wall(rng: Rng, tile: float) -> Place:
    """Hang on a wall on y = 0.085."""
    texture = [textures.plaster, textures.bricks, textures.plaster][rng.integers(3)](rng)
    half = 4.0
    corners = [[-half, 0.085, -half], [half, 0.085, -half], [half, 0.085, half], [-half, 0.085, half]]
    return Place("wall", [things.plane(corners, texture, (2 * half / (2 * tile),) * 2)])


def _blades(rng: Rng, inner: float, radius: float) -> list[Thing]:
    """Grow blades of grass in a ring around the origin, in four greens."""
    made = []
    count = int(9000 * min(radius, 1.2) ** 2 / 4) + 400
    for _ in range(4):
        away, angle = np.sqrt(rng.uniform(inner**2, radius**2, count)), rng.uniform(0, 2 * np.pi, count)
        foot = np.column_stack([away * np.cos(angle), away * np.sin(angle), np.zeros(count)])
        lean = rng.normal(0, 0.45, (count, 2))
        long = rng.uniform(0.025, 0.06, count)[:, None]
        tip = foot + long * np.column_stack([lean, np.ones(count)])
        across = rng.normal(size=(count, 3)) * [1, 1, 0]
        across *= 0.0028 / np.linalg.norm(across, axis=1, keepdims=True)
        vertices = np.stack([foot - across, foot + across, tip], axis=1).reshape(-1, 3)
        green = np.array([0.10, 0.17, 0.04]) * rng.uniform(0.6, 1.8)
        made.append(Thing(vertices, np.arange(3 * count).reshape(-1, 3), green))
    return made
