"""Hair as strands that grow from the scalp, follow a direction, fall, and lie on head, body and clothes.

Legend: n strands of k points, m. Directions are of the mean head at rest (x left, y back, z up) until `Scalp.turned`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from shoot.bodies import Bodies, Figure
from shoot.meshes import clip, normals, refine_triangles, unit, value_noise
from shoot.skin import SIDE, SkinPainter

Array = np.ndarray
Pull = Callable[[Array, float, Array], Array]  # positions, share of the length, arc length (n,) → directions (n, 3)
DOWN = np.array([0.0, 0.0, -1.0])
_FACE_HALF = 0.060  # half the width of the region in front of the face that hair is combed out of, m


@dataclass(frozen=True)
class Roots:
    """Where strands start."""

    place: Array  # posed, (n, 3)
    normal: Array  # posed, (n, 3)
    local: Array  # on the mean head, from its centre, (n, 3)
    inside: Array  # distance from the hairline, m, (n,)


@dataclass(frozen=True)
class Growth:
    """How strands grow.

    Attributes:
        stiffness: share of the old direction in the new one, 0 to 1.
        clear: distance that they keep from what they lie on, m, a number or (n,).
        hug: how strongly they are drawn to the head, 0 to 1, up to `reach` along the strand, m.
        parted: whether strands are combed out of the face.
    """

    steps: int
    stiffness: float = 0.7
    clear: float | Array = 0.002
    hug: float = 0.0
    reach: float = 0.2
    parted: bool = False


class ScalpMap:
    """The part of the mean head that bears hair."""

    def __init__(self, bodies: Bodies, painter: SkinPainter) -> None:
        mean, ids = bodies.mean, bodies.skin_ids
        self.centre = np.array([0, painter.eye[1] + 0.085, painter.eye[2] + 0.02])
        field = self._hairline(mean[ids], painter, _sample(painter.ears, bodies))
        used = (field[bodies.skin_triangles] > -0.02).any(1)
        local, tris = np.unique(bodies.skin_triangles[used], return_inverse=True)
        matrix, self.triangles = clip(len(local), tris.reshape(-1, 3), field[local])
        depth = np.maximum(matrix @ field[local], 0)
        for _ in range(2):
            finer, self.triangles = refine_triangles(matrix.shape[0], self.triangles)
            matrix, depth = finer @ matrix, finer @ depth
        self.ids, self.matrix, self.inside = ids[local], matrix, depth
        self.mean = matrix @ mean[self.ids]
        centre = self.mean[self.triangles].mean(1)
        ragged = 0.007 + 0.004 * value_noise(centre / 0.006)
        self.covered = self.triangles[self.inside[self.triangles].mean(1) > ragged]  # under hair too dense for skin

    @staticmethod
    def _hairline(points: Array, painter: SkinPainter, ear: Array) -> Array:
        """Return the height above the hairline, m: over the forehead, behind the ears, down to the nape."""
        rel = points - [0, painter.eye[1] + 0.075, painter.eye[2] + 0.01]
        turn = np.degrees(np.arctan2(np.abs(rel[:, 0]), -rel[:, 1]))  # 0 front, 180 back
        places = [0, 25, 45, 62, 80, 95, 110, 180]
        line = np.interp(turn, places, [0.060, 0.058, 0.050, 0.028, 0.010, -0.005, -0.045, -0.075])
        height = np.where(ear > 0.3, -0.01, rel[:, 2] - line)
        return np.where(points[:, 2] < painter.eye[2] - 0.09, -0.05, height)


def _sample(texture: Array, bodies: Bodies) -> Array:
    """Read a texture at the vertices of the skin."""
    places = np.zeros((len(bodies.skin_ids), 2))
    places[bodies.skin_quads.ravel()] = bodies.texture[bodies.groups["body"][:, :, 1]].reshape(-1, 2)
    column, row = np.clip((places * SIDE).astype(int), 0, SIDE - 1).T
    return texture[SIDE - 1 - row, column]


class Scalp:
    """The scalp of one figure, and what its hair can lie on."""

    def __init__(self, scalp: ScalpMap, bodies: Bodies, figure: Figure, clothes: list[tuple[Array, Array]]) -> None:
        self.map = scalp
        posed, rest = scalp.matrix @ figure.posed[scalp.ids], scalp.matrix @ figure.rest[scalp.ids]
        self.vertices, self.normals = posed, normals(posed, scalp.triangles)
        left, _, right = np.linalg.svd((rest - rest.mean(0)).T @ (posed - posed.mean(0)))
        self._turn, self._origin = left @ right, posed.mean(0)
        self._shift = scalp.mean.mean(0)
        skin = figure.posed[bodies.skin_ids]
        layers = [(skin, bodies.skin_triangles), (posed, scalp.triangles), *clothes]
        near = [points[:, 2] > posed[:, 2].min() - 0.8 for points, _ in layers]
        self._surface = np.vstack([points[keep] for (points, _), keep in zip(layers, near, strict=True)])
        self._outward = np.vstack([normals(p, t)[keep] for (p, t), keep in zip(layers, near, strict=True)])
        self._tree = cKDTree(self._surface)

    def turned(self, directions: Array) -> Array:
        """Turn directions of the mean head, (…, 3), with the figure's head."""
        return np.asarray(directions, float) @ self._turn

    def place(self, local: Array) -> Array:
        """Return the posed position of a point given from the centre of the mean head, (…, 3)."""
        return (np.asarray(local, float) + self.map.centre - self._shift) @ self._turn + self._origin

    def roots(self, count: int, rng: np.random.Generator) -> Roots:
        """Draw roots, thinner towards the hairline."""
        tris = self.map.triangles
        a, b, c = (self.vertices[tris[:, k]] for k in range(3))
        area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
        weight = area * (0.15 + np.clip(self.map.inside[tris].mean(1) / 0.010, 0, 1))
        chosen, share = rng.choice(len(tris), count, p=weight / weight.sum()), rng.dirichlet([1, 1, 1], count)

        def pick(values: Array) -> Array:
            return np.einsum("nk,nk...->n...", share, values[tris[chosen]])

        local = pick(self.map.mean) - self.map.centre
        return Roots(pick(self.vertices), unit(pick(self.normals)), local, pick(self.map.inside))

    def grow(self, start: Array, first: Array, length: Array, growth: Growth, pull: Pull) -> Array:
        """Grow strands: (n, steps + 1, 3).

        Args:
            start: (n, 3).
            first: directions at the roots, (n, 3).
            length: (n,), m.
            pull: direction that is mixed into that of each strand.
        """
        step = (length / growth.steps)[:, None]
        place, heading, points = start, unit(first), [start]
        for number in range(1, growth.steps + 1):
            arc = number * step[:, 0]
            wish = pull(place, number / growth.steps, arc)
            if growth.parted:
                wish = wish + self._out_of_face(place)
            heading = unit(growth.stiffness * heading + (1 - growth.stiffness) * wish)
            moved = self._lie(place + heading * step, growth, arc)
            heading = unit(moved - place)
            place = place + heading * step
            points.append(place)
        return np.stack(points, axis=1)

    def _lie(self, points: Array, growth: Growth, arc: Array) -> Array:
        """Push points out of the surface, and draw them to it where they hug the head."""
        distance, nearest = self._tree.query(points, k=4)
        weight = 1 / (distance + 1e-4)
        weight = (weight / weight.sum(1, keepdims=True))[..., None]
        surface, outward = (self._surface[nearest] * weight).sum(1), unit((self._outward[nearest] * weight).sum(1))
        gap = ((points - surface) * outward).sum(1)
        push = np.minimum(np.maximum(growth.clear - gap, 0), 0.03) * (distance[:, 0] < 0.05)
        draw = np.clip(gap - growth.clear, 0, 0.02) * growth.hug * (arc < growth.reach)
        return points + outward * (push - draw)[:, None]

    def _out_of_face(self, points: Array) -> Array:
        """Return directions, (n, 3), that lead out of the region in front of the face; 0 elsewhere."""
        local = (points - self._origin) @ self._turn.T + self._shift - self.map.centre
        before = np.clip((-0.030 - local[:, 1]) / 0.02, 0, 1) * (local[:, 2] > -0.30) * (local[:, 2] < 0.055)
        deep = np.clip(1 - np.abs(local[:, 0]) / _FACE_HALF, 0, 1) > 0
        side = np.where(local[:, 0] < 0, -1.0, 1.0) * before * deep
        return self.turned(np.stack([6 * side, 3 * np.abs(side), np.zeros_like(side)], axis=1))


def clump(strands: Array, locks: int, share: float, rng: np.random.Generator) -> Array:
    """Draw strands to the nearest of `locks` of them, by a share that grows to the tips."""
    guides = rng.choice(len(strands), min(locks, len(strands)), replace=False)
    _, nearest = cKDTree(strands[guides, 0]).query(strands[:, 0])
    weight = share * np.linspace(0, 1, strands.shape[1])[None, :, None]
    return strands * (1 - weight) + strands[guides[nearest]] * weight


def curl(strands: Array, radius: float, turns: float, rng: np.random.Generator) -> Array:
    """Wind strands into helices of a radius, m, of about `turns` radians from point to point."""
    count, points, _ = strands.shape
    along = unit(strands[:, -1] - strands[:, 0])
    first = unit(np.cross(along, [0.31, 0.54, 0.78]))
    second = np.cross(along, first)
    angle = rng.uniform(0, 2 * np.pi, (count, 1)) + turns * np.arange(points)
    grown = radius * np.clip(np.arange(points) / 3, 0, 1)[None, :, None]
    return strands + grown * (np.cos(angle)[..., None] * first[:, None] + np.sin(angle)[..., None] * second[:, None])
