"""Surfaces of products: lattices, surfaces of revolution, tubes, balls, and flat sheets of any outline.

Corner values are (u, v, edge) as of garments: the position on the surface and the distance to the next hem or seam, m.
Legend: x to the right of the picture, y away from the camera, z up, m.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from shoot.meshes import clip, refine_triangle_corners, refine_triangles, triangles

Array = np.ndarray
FAR = 0.5  # edge where there is no hem, m


@dataclass(frozen=True)
class Surface:
    """A mesh with coordinates for prints and logos."""

    vertices: Array  # (n, 3)
    triangles: Array  # int (f, 3)
    corners: Array  # (f, 3, 3)

    def moved(self, turn: Array | None = None, by: tuple[float, float, float] = (0, 0, 0)) -> "Surface":
        """Return the surface rotated by (3, 3) about the origin, then shifted."""
        turned = self.vertices if turn is None else self.vertices @ turn.T
        return replace(self, vertices=turned + np.asarray(by, float))

    def enlarged(self, factor: float) -> "Surface":
        """Return the surface with larger coordinates, for prints and millimetres that suit a small thing."""
        return replace(self, corners=self.corners * factor)

    def refined(self) -> "Surface":
        """Return the surface after a step of Loop subdivision."""
        matrix, tris = refine_triangles(len(self.vertices), self.triangles)
        return Surface(matrix @ self.vertices, tris, refine_triangle_corners(self.corners))


def lattice(points: Array, places: Array, edge: Array | float = FAR) -> Surface:
    """Make a surface of a lattice of points (r, c, 3) with coordinates (r, c, 2) and distances to a hem (r, c)."""
    rows, columns = points.shape[:2]
    ids = np.arange(rows * columns).reshape(rows, columns)
    quads = np.stack([ids[:-1, :-1], ids[:-1, 1:], ids[1:, 1:], ids[1:, :-1]], axis=-1).reshape(-1, 4)
    values = np.concatenate([places, np.broadcast_to(edge, (rows, columns))[..., None]], axis=-1).reshape(-1, 3)
    tris = triangles(quads)
    return Surface(points.reshape(-1, 3).astype(float), tris, values[tris])


def revolve(profile: Array, count: int = 96, squareness: float = 2.0) -> Surface:
    """Turn a profile (k, 2) of radius and height about the z axis; u is 0 in front, where y is lowest.

    Args:
        squareness: exponent of the superellipse around; 2: a circle, larger: a rounded square.
    """
    angle = np.linspace(-np.pi, np.pi, count + 1)
    sine, cosine = np.sin(angle), np.cos(angle)
    reach = (np.abs(sine) ** squareness + np.abs(cosine) ** squareness) ** (-1 / squareness)
    around = np.stack([reach * sine, -reach * cosine], axis=-1)
    radius, height = profile[:, 0], profile[:, 1]
    points = np.concatenate(
        [radius[:, None, None] * around, np.broadcast_to(height[:, None, None], (len(profile), count + 1, 1))], axis=-1
    )
    along = np.r_[0, np.cumsum(np.hypot(*np.diff(profile, axis=0).T))]
    arc = np.r_[0, np.cumsum(np.hypot(*np.diff(around, axis=0).T))]
    arc = (arc - arc[-1] / 2) * radius.max()
    return lattice(points, np.stack(np.meshgrid(arc, along), axis=-1))


def tube(path: Array, radius: float, sides: int = 12, flat: float = 1.0) -> Surface:
    """Make a tube along a path (k, 3); `flat` scales its width across the plane of x and z."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.cross(along, [0, 1.0, 0])
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    across = np.cross(side, along)
    points = path[:, None] + radius * (
        np.cos(angle)[None, :, None] * side[:, None] + flat * np.sin(angle)[None, :, None] * across[:, None]
    )
    length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))]
    return lattice(points, np.stack(np.meshgrid(angle * radius, length), axis=-1))


def ball(centre: tuple[float, float, float], radii: tuple[float, float, float], count: int = 48) -> Surface:
    """Make an ellipsoid; u is 0 in front, v is 0 at its middle."""
    up = np.linspace(-np.pi / 2, np.pi / 2, count // 2 + 1)
    unit = revolve(np.stack([np.cos(up), np.sin(up)], axis=1), count)
    scale = float(np.mean(radii))
    corners = unit.corners * [scale, scale, 1] - [0, scale * np.pi / 2, 0]
    return Surface(unit.vertices * radii + np.asarray(centre, float), unit.triangles, corners)


def distance_inside(points: Array, outline: Array) -> Array:
    """Return the distance of points (n, 2) to a closed polygon (k, 2), positive inside, m."""
    start, end = outline, np.roll(outline, -1, axis=0)
    way = end - start
    rel = points[:, None] - start
    share = np.clip((rel * way).sum(-1) / np.maximum((way**2).sum(-1), 1e-12), 0, 1)
    away = np.linalg.norm(rel - share[..., None] * way, axis=-1).min(1)
    above = (start[:, 1] > points[:, None, 1]) != (end[:, 1] > points[:, None, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = start[:, 0] + (points[:, None, 1] - start[:, 1]) / way[:, 1] * way[:, 0]
    inside = (above & (points[:, None, 0] < crossing)).sum(1) % 2 == 1
    return np.where(inside, away, -away)


def cut_sheet(field: Callable[[Array], Array], low: Array, high: Array, cell: float) -> tuple[Array, Array]:
    """Cut a flat sheet where a field of points (n, 2) is positive: vertices (n, 2) and triangles of sides `cell`."""
    rows, columns = int((high[1] - low[1]) / cell / 0.866) + 2, int((high[0] - low[0]) / cell) + 3
    row, column = np.mgrid[:rows, :columns]
    points = np.stack([low[0] + cell * (column - 0.5 * (row % 2)), low[1] + 0.866 * cell * row], axis=-1)
    ids = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = ids[:-1, :-1], ids[:-1, 1:], ids[1:, 1:], ids[1:, :-1]
    even = np.concatenate([np.stack([a, b, c], -1)[::2], np.stack([a, c, d], -1)[::2]]).reshape(-1, 3)
    odd = np.concatenate([np.stack([a, b, d], -1)[1::2], np.stack([b, c, d], -1)[1::2]]).reshape(-1, 3)
    points = points.reshape(-1, 2)
    matrix, tris = clip(len(points), np.concatenate([even, odd]), field(points))
    return matrix @ points, tris
