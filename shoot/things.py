"""Things that stand in places: walls, floors, boxes, poles, trees and cars.

Legend: x to the right of the picture, y away from the camera, z up, m.
"""

from dataclasses import dataclass

import numpy as np

from shoot import textures
from shoot.meshes import triangles

Array = np.ndarray
Rng = np.random.Generator


@dataclass(frozen=True)
class Thing:
    """A mesh with one colour or a texture."""

    vertices: Array  # (n, 3)
    triangles: Array  # int (f, 3)
    colour: Array  # reflectance: (3,), or a texture (h, w, 3)
    places: Array | None = None  # texture coordinates, (n, 2)
    rough: float = 0.8  # 0 a mirror, 1 chalk


def plane(
    corners: list[list[float]], texture: Array, repeat: tuple[float, float] = (1, 1), rough: float = 0.8
) -> Thing:
    """Make a rectangle; its corners run from the texture's lower left counter-clockwise."""
    places = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float) * repeat
    return Thing(np.array(corners, float), triangles(np.array([[0, 1, 2, 3]])), texture, places, rough)


def floor(texture: Array, near: float, far: float, height: float = 0.0, tile: float = 4.0) -> Thing:
    """Lay a floor; its texture repeats every `tile` m."""
    half = 12.0
    corners = [[-half, near, height], [half, near, height], [half, far, height], [-half, far, height]]
    return plane(corners, texture, (2 * half / tile, (far - near) / tile))


def wall(texture: Array, depth: float, height: float, tile: float) -> Thing:
    """Build a wall that closes the picture; its texture repeats every `tile` m."""
    half = 3.0 + depth
    corners = [[-half, depth, 0], [half, depth, 0], [half, depth, height], [-half, depth, height]]
    return plane(corners, texture, (2 * half / tile, height / tile))


def box(low: list[float], high: list[float], colour: Array, rough: float = 0.7) -> Thing:
    """Make a box between two corners."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    vertices = np.array([[x, y, z] for z in (z0, z1) for y in (y0, y1) for x in (x0, x1)], float)
    quads = np.array([[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]])
    # corners of their own for each face, so that edges stay sharp
    return Thing(
        vertices[quads.ravel()], triangles(np.arange(24).reshape(6, 4)), np.asarray(colour, float), None, rough
    )


def pole(x: float, y: float, radius: float, low: float, high: float, colour: Array, rough: float = 0.5) -> Thing:
    """Make an upright cylinder."""
    angle = np.linspace(0, 2 * np.pi, 13)[:-1]
    ring = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)
    vertices = np.vstack([np.column_stack([ring, np.full(12, z)]) for z in (low, high)])
    first, following = np.arange(12), np.roll(np.arange(12), -1)
    return Thing(
        vertices,
        triangles(np.stack([first, following, following + 12, first + 12], axis=1)),
        np.asarray(colour, float),
        None,
        rough,
    )


GREEN, _AUTUMN, _BARK = np.array([0.06, 0.14, 0.03]), np.array([0.35, 0.16, 0.03]), np.array([0.11, 0.08, 0.06])


def leaves(rng: Rng, centre: Array, radius: float, count: int, colour: Array) -> Thing:
    """Scatter leaves around some points near a centre."""
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    centres = centre + rng.normal(0, radius * 0.35, (7, 3))
    at = centres[rng.integers(7, size=count)] + direction * radius * rng.uniform(0.35, 0.75, (count, 1))
    size = rng.uniform(0.05, 0.11, (count, 1, 1))
    leaves = (at[:, None] + rng.normal(0, 1, (count, 3, 3)) * size).reshape(-1, 3)
    return Thing(leaves, np.arange(3 * count).reshape(-1, 3), colour)


def tree(rng: Rng, x: float, y: float) -> list[Thing]:
    """Grow a tree of small leaves around a crown."""
    height, crown = rng.uniform(1.6, 2.4), rng.uniform(0.9, 1.5)
    colour = GREEN * rng.uniform(0.7, 1.8) if rng.random() < 0.85 else _AUTUMN * rng.uniform(0.7, 1.2)
    crown_leaves = leaves(rng, np.array([x, y, height + crown]), crown, 2600, colour)
    return [pole(x, y, 0.11, 0, height + crown, _BARK, 0.9), crown_leaves]


def car(rng: Rng, x: float, y: float) -> list[Thing]:
    """Park a car, seen from its side: body, cabin and wheels."""
    paint = textures.sample_colour(rng, rng.choice([0.05, 0.6]), 0.05, 0.7)
    profile = np.array(
        [[0, 0.32], [0.05, 0.62], [0.75, 0.74], [1.25, 1.28], [2.65, 1.32], [3.35, 0.82], [4.0, 0.74], [4.1, 0.32]]
    )
    window = np.array([[0.98, 0.80], [1.35, 1.22], [2.55, 1.25], [3.0, 0.82]])
    things = []
    for outline, near, far, colour, rough in (
        (profile, y, y + 1.7, paint, 0.25),
        (window, y - 0.01, y + 0.05, np.full(3, 0.03), 0.08),
    ):
        count = len(outline)
        rings = [np.column_stack([x + outline[:, 0], np.full(count, depth), outline[:, 1]]) for depth in (near, far)]
        first, following = np.arange(count), np.roll(np.arange(count), -1)
        sides = triangles(np.stack([first, following, following + count, first + count], axis=1))
        fan = np.stack([np.zeros(count - 2, int), np.arange(1, count - 1), np.arange(2, count)], axis=1)
        things.append(Thing(np.vstack(rings)[sides.ravel()], np.arange(sides.size).reshape(-1, 3), colour, None, rough))
        things.append(Thing(rings[0], fan, colour, None, rough))
    for axle in (0.75, 3.2):
        angle = np.linspace(0, 2 * np.pi, 17)[:-1]
        rim = np.column_stack([x + axle + 0.32 * np.cos(angle), np.full(16, y - 0.02), 0.32 + 0.32 * np.sin(angle)])
        fan = np.stack([np.zeros(14, int), np.arange(1, 15), np.arange(2, 16)], axis=1)
        things.append(Thing(rim, fan, np.full(3, 0.02)))
        things.append(Thing((rim - rim.mean(0)) * 0.55 + rim.mean(0) - [0, 0.01, 0], fan, np.full(3, 0.35), None, 0.3))
    return things
