"""Places: the studio's sweep with plain backdrops, and streets, parks and rooms with things in them.

Legend: x to the right of the picture, y away from the camera, z up, m. The person stands at the origin.
"""

from dataclasses import dataclass, field

import numpy as np

from shoot import textures, things
from shoot.meshes import triangles
from shoot.things import Thing

Array = np.ndarray
Rng = np.random.Generator


@dataclass
class Place:
    """What stands around a person, and its light."""

    kind: str
    things: list[Thing] = field(default_factory=list)
    outdoor: bool = False
    sun: bool = False
    aperture: float = 0.0  # radius of the lens, m


def sample_place(domain: str, seed: int) -> Place:
    """Draw a place of a domain, studio or street."""
    rng = np.random.default_rng([seed, 7])
    return (_PLACES | {"studio": _studio})[_draw_kind(domain, rng)](rng)


def kind_of_place(domain: str, seed: int) -> str:
    """Return the kind of the place that `sample_place` draws, without making it."""
    return _draw_kind(domain, np.random.default_rng([seed, 7]))


def _draw_kind(domain: str, rng: Rng) -> str:
    return "studio" if domain == "studio" else list(_PLACES)[rng.choice(len(_PLACES), p=[0.38, 0.22, 0.22, 0.18])]


def make_place(kind: str, seed: int) -> Place:
    """Make a place of a kind: studio, street, wall, park or room."""
    return (_PLACES | {"studio": _studio})[kind](np.random.default_rng([seed, 7]))


def _studio(rng: Rng) -> Place:
    colour = textures.sample_colour(rng, rng.choice([0.03, 0.12, 0.30], p=[0.5, 0.3, 0.2]), 0.45, 0.9)
    depth, curve = rng.uniform(0.8, 2.0), rng.uniform(0.5, 1.2)
    angle = np.linspace(0, np.pi / 2, 12)
    y = np.r_[-6, depth + curve * np.sin(angle), depth + curve]
    z = np.r_[0, curve * (1 - np.cos(angle)), 6]
    sides = [np.stack([np.full(len(y), x), y, z], axis=1) for x in (-7.0, 7.0)]
    first = np.arange(len(y) - 1)
    quads = np.stack([first, first + len(y), first + len(y) + 1, first + 1], axis=1)
    return Place("studio", [Thing(np.concatenate(sides), triangles(quads), colour)])


def _facade(rng: Rng, depth: float) -> list[Thing]:
    """Build a house front with windows, doors, shop signs and awnings."""
    wall = textures.bricks(rng) if rng.random() < 0.4 else textures.plaster(rng)
    made = [things.wall(wall, depth, 9.0, rng.uniform(2.5, 4.0))]
    frame = np.full(3, rng.choice([0.75, 0.6, 0.08])) * [1, 0.98, 0.95]
    wide, gap, start = rng.uniform(0.9, 1.5), rng.uniform(0.6, 1.3), -depth - 2 + rng.uniform(0, 1)
    ground = rng.choice(["shop", "house"])
    glass = np.array([0.05, 0.07, 0.09]) * rng.uniform(0.6, 2.0)
    for floor in range(3):
        bottom = 0.9 + 2.9 * floor if ground == "house" or floor else 0.45
        top = bottom + (1.5 if ground == "house" or floor else 2.0)
        x = start
        while x < depth + 3:
            door = floor == 0 and rng.random() < 0.2
            low = 0.05 if door else bottom
            lit = rng.random() < 0.15 and floor == 0
            pane = np.array([0.65, 0.50, 0.30]) if lit else glass * rng.uniform(0.6, 1.5)
            if door:
                pane = textures.sample_colour(rng, 0.5, 0.08, 0.4)
            made.append(things.box([x, depth - 0.02, low], [x + wide, depth + 0.05, top], pane, 0.15))
            rails = [x - 0.05, x + wide] if door else [x - 0.05, x + wide, x + wide / 2 - 0.02]
            made += [things.box([rail, depth - 0.06, low], [rail + 0.05, depth, top], frame) for rail in rails]
            made.append(things.box([x - 0.1, depth - 0.10, top], [x + wide + 0.1, depth, top + 0.08], frame))
            made.append(things.box([x - 0.1, depth - 0.12, low - 0.06], [x + wide + 0.1, depth, low], frame))
            x += wide + gap
    if ground == "shop":
        sign = textures.sample_colour(rng, 0.7, 0.1, 0.7)
        left = rng.uniform(-3, 0)
        made.append(things.box([left, depth - 0.14, 2.55], [left + rng.uniform(1.5, 4), depth, 3.0], sign))
        if rng.random() < 0.6:
            low, high, reach = 2.2, 2.6, rng.uniform(0.7, 1.1)
            corners = [
                [left, depth - reach, low],
                [left + 2.2, depth - reach, low],
                [left + 2.2, depth, high],
                [left, depth, high],
            ]
            made.append(things.plane(corners, np.ones((2, 2, 3)) * textures.sample_colour(rng, 0.8, 0.2, 0.7)))
    return made


def _street(rng: Rng) -> Place:
    """Stand on the pavement, with a road and houses behind it."""
    place = Place("street", outdoor=True, sun=bool(rng.random() < 0.55), aperture=rng.uniform(0.006, 0.022))
    kerb, across = rng.uniform(0.9, 1.8), rng.uniform(6.0, 8.5)
    place.things += [
        things.floor(textures.paving(rng), -7, kerb, tile=3.0),
        things.box([-12, kerb, -0.12], [12, kerb + 0.15, 0.001], np.full(3, 0.35)),
        things.floor(textures.asphalt(rng), kerb + 0.15, across - 1.6, -0.12),
        things.floor(textures.paving(rng), across - 1.6, across, 0.0, tile=3.0),
        *_facade(rng, across),
    ]
    for _ in range(rng.integers(0, 3)):
        place.things += things.car(rng, rng.uniform(-7, 3), across - 3.8)
    for _ in range(rng.integers(0, 3)):
        place.things += things.tree(
            rng, rng.choice([-1, 1]) * rng.uniform(1.2, 4), rng.uniform(across - 1.4, across - 0.8)
        )
    if rng.random() < 0.6:
        place.things.append(
            things.pole(rng.choice([-1, 1]) * rng.uniform(0.8, 2.2), kerb + 0.1, 0.05, 0, 5, np.full(3, 0.08))
        )
    for n in range(rng.integers(0, 5)):
        place.things.append(things.pole(-2.4 + 1.2 * n, kerb - 0.15, 0.06, 0, 0.9, np.full(3, rng.choice([0.05, 0.4]))))
    return place


def _alley(rng: Rng) -> Place:
    """Stand in front of a wall."""
    place = Place("wall", outdoor=True, sun=bool(rng.random() < 0.6), aperture=rng.uniform(0, 0.01))
    depth = rng.uniform(0.7, 1.8)
    wall = textures.bricks(rng) if rng.random() < 0.6 else textures.plaster(rng)
    place.things += [
        things.wall(wall, depth, 6.0, rng.uniform(2.4, 3.6)),
        things.floor(textures.paving(rng), -7, depth, tile=3.0),
    ]
    place.things.append(
        things.box(
            [-8, depth - 0.03, 0], [8, depth, rng.uniform(0.15, 0.5)], textures.sample_colour(rng, 0.1, 0.1, 0.5)
        )
    )
    if rng.random() < 0.7:
        left, low, size = rng.uniform(-2.2, 1.2), rng.uniform(0.9, 1.5), rng.uniform(0.5, 0.9)
        corners = [[left, depth - 0.01, low], [left + size, depth - 0.01, low]]
        corners += [[left + size, depth - 0.01, low + 1.3 * size], [left, depth - 0.01, low + 1.3 * size]]
        place.things.append(things.plane(corners, textures.poster(rng)))
    if rng.random() < 0.5:
        place.things.append(
            things.pole(rng.choice([-1, 1]) * rng.uniform(0.7, 1.8), depth - 0.1, 0.04, 0, 6, np.full(3, 0.25))
        )
    return place


def _park(rng: Rng) -> Place:
    """Stand on a path or lawn, with trees and bushes behind."""
    place = Place("park", outdoor=True, sun=bool(rng.random() < 0.6), aperture=rng.uniform(0.010, 0.028))
    path = rng.uniform(0.6, 1.6)
    near = textures.asphalt(rng) * 2.2 if rng.random() < 0.5 else textures.grass(rng)
    place.things += [things.floor(near, -7, path), things.floor(textures.grass(rng), path, 16, 0.0, tile=5.0)]
    for _ in range(rng.integers(5, 9)):
        place.things += things.tree(rng, rng.uniform(-6, 6), rng.uniform(3.5, 11))
    for x in np.arange(-13, 13, 1.7):  # a row of bushes closes the lawn
        place.things.append(
            things.leaves(
                rng, np.array([x, 13, 0.8]), rng.uniform(1.0, 1.9), 1500, things.GREEN * rng.uniform(0.6, 1.4)
            )
        )
    if rng.random() < 0.5:
        x, wood = rng.uniform(-2.5, 1.0), np.array([0.22, 0.13, 0.07])
        place.things += [
            things.box([x, 1.9, 0.42], [x + 1.6, 2.3, 0.46], wood),
            things.box([x, 2.28, 0.6], [x + 1.6, 2.32, 0.85], wood),
        ]
        place.things += [
            things.box([x + leg, 1.95, 0], [x + leg + 0.06, 2.3, 0.42], np.full(3, 0.06)) for leg in (0.15, 1.4)
        ]
    return place


def _room(rng: Rng) -> Place:
    """Stand in a room with a skirting board, pictures, and a piece of furniture."""
    place = Place("room", aperture=rng.uniform(0, 0.008))
    depth = rng.uniform(0.9, 2.4)
    place.things += [things.wall(textures.plaster(rng), depth, 3.0, 4.0), things.floor(textures.planks(rng), -7, depth)]
    place.things.append(things.box([-8, depth - 0.02, 0], [8, depth, 0.10], np.full(3, 0.75)))
    for _ in range(rng.integers(1, 4)):
        left, low, wide, high = (
            rng.uniform(-2.4, 1.6),
            rng.uniform(1.0, 1.6),
            rng.uniform(0.35, 0.9),
            rng.uniform(0.4, 0.9),
        )
        frame = np.full(3, rng.choice([0.05, 0.75, 0.25]))
        place.things.append(
            things.box([left - 0.03, depth - 0.04, low - 0.03], [left + wide + 0.03, depth, low + high + 0.03], frame)
        )
        corners = [[left, depth - 0.045, low], [left + wide, depth - 0.045, low]]
        corners += [[left + wide, depth - 0.045, low + high], [left, depth - 0.045, low + high]]
        place.things.append(things.plane(corners, textures.poster(rng)))
    if rng.random() < 0.6:
        left, wood = rng.choice([-1, 1]) * rng.uniform(0.7, 1.4) - 0.5, textures.sample_colour(rng, 0.3, 0.1, 0.6)
        place.things.append(
            things.box([left, depth - 0.45, 0.1], [left + 1.0, depth - 0.03, rng.uniform(0.6, 1.0)], wood, 0.4)
        )
    return place


_PLACES = {"street": _street, "wall": _alley, "park": _park, "room": _room}
