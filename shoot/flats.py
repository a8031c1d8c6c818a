"""Clothes and bags laid flat or hung up: sheets of cloth that are draped over the ground or from a hanger."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from shoot.drape import Cloth, drape
from shoot.meshes import edges_of
from shoot.surfaces import FAR, Surface, ball, cut_sheet, distance_inside, lattice, tube

Array = np.ndarray
Rng = np.random.Generator
_CELL = 0.014  # side of the sheets' triangles, m
_THICK = 0.003  # distance between two layers of cloth, m
_NECK = np.array([0.0, 0.705])  # middle of the neckline


@dataclass(frozen=True)
class Pattern:
    """The outline of a piece, lying with its hem on v = 0.

    Attributes:
        right: corners of the right half, from the top to the hem, (k, 2); the left half is mirrored.
        necks: radii of the ellipse that is cut out at _NECK, in front and at the back; None: no neckline.
        seams: lines that are sewn, (s, 2, 2), of the right half.
        hang: pairs of points of the right half between which the piece is held when it hangs.
    """

    right: Array
    necks: tuple[tuple[float, float], tuple[float, float]] | None
    seams: Array
    hang: Array

    @property
    def outline(self) -> Array:
        """Corners of both halves, (2 k, 2)."""
        return np.concatenate([self.right, self.right[::-1] * [-1, 1]])

    def field(self, points: Array, neck: int) -> Array:
        """Return the distance inside of the piece's front, 0, or back, 1: (n,)."""
        inside = distance_inside(points, self.outline)
        return np.minimum(inside, self._neck(points, neck)) if self.necks else inside

    def _neck(self, points: Array, neck: int) -> Array:
        wide, deep = self.necks[neck]
        rel = points - _NECK
        return (np.hypot(rel[:, 0] / wide, np.minimum(rel[:, 1], 0) / deep) - 1) * min(wide, deep)


def _segments(*points: tuple[float, float]) -> Array:
    return np.array([points[n : n + 2] for n in range(len(points) - 1)], float)


def make_pattern(kind: str, rng: Rng) -> Pattern:
    """Draw the pattern of a t-shirt, sweater, shorts or bag."""
    wide = rng.uniform(0.94, 1.08)
    if kind == "bag":
        half, high = 0.185 * wide, rng.uniform(0.36, 0.42)
        right = np.array([[0.0, high], [half, high], [half, 0.0], [0.0, 0.0]])
        return Pattern(right, None, np.zeros((0, 2, 2)), np.array([[[0.075, high], [0.105, high]]]))
    if kind == "shorts":
        right = np.array([[0.0, 0.46], [0.19, 0.46], [0.20, 0.40], [0.285, 0.02], [0.035, 0.0], [0.0, 0.17]])
        return Pattern(
            right * [wide, 1], None, _segments((0, 0.18), (0, 0.46)), np.array([[[0.1, 0.46], [0.17, 0.46]]])
        )
    shoulder, armpit = np.array([0.225, 0.65]), np.array([0.245, 0.455])
    if kind == "t-shirt":
        sleeve = [(0.405, 0.475), (0.335, 0.375)]
    else:
        out = rng.uniform(0.40, 0.52)
        sleeve = [(out, 0.13), (out - 0.09, 0.10)]
    right = np.array([(0.088, 0.70), shoulder, sleeve[0], sleeve[1], armpit, (0.24, 0.2), (0.25, 0.0)]) * [wide, 1]
    depth = rng.uniform(0.075, 0.10)
    necks = ((0.088 * wide, depth), (0.088 * wide, 0.022))
    armhole = _segments(tuple(shoulder * [wide, 1]), (0.205 * wide, 0.55), tuple(armpit * [wide, 1]))
    return Pattern(right, necks, armhole, np.array([[[0.09, 0.695], [0.20, 0.655]]]) * [wide, 1])


def _to_segments(points: Array, segments: Array) -> Array:
    """Return the distance of points (n, 2) to the nearest of some segments (s, 2, 2) and their mirror images, m."""
    if not len(segments):
        return np.full(len(points), FAR)
    points = np.abs(points * [1, 0]) + points * [0, 1]
    start, way = segments[:, 0], segments[:, 1] - segments[:, 0]
    rel = points[:, None] - start
    share = np.clip((rel * way).sum(-1) / (way**2).sum(-1), 0, 1)
    return np.linalg.norm(rel - share[..., None] * way, axis=-1).min(1)


def _relief(pattern: Pattern, points: Array, inside: Array, neck: int) -> Array:
    """Return how far cloth stands out at seams, hems and the ribbed neckline, (n,), m."""
    rise = -0.0022 * np.exp(-((_to_segments(points, pattern.seams) / 0.005) ** 2))
    rise -= 0.0016 * np.exp(-(((inside - 0.020) / 0.004) ** 2))
    if pattern.necks:
        rise += 0.0030 * np.clip((0.017 - pattern._neck(points, neck)) / 0.004, 0, 1)
    return rise


def _ridges(rng: Rng, points: Array, count: int, high: float) -> Array:
    """Return the height of random folds, (n,), m."""
    total = np.zeros(len(points))
    low, top = points.min(0), points.max(0)
    for _ in range(count):
        centre, angle = rng.uniform(low, top), rng.uniform(0, np.pi)
        rel = points - centre
        along = rel @ [np.cos(angle), np.sin(angle)]
        across = rel @ [-np.sin(angle), np.cos(angle)] + rng.uniform(-1.5, 1.5) * along**2
        half, width = rng.uniform(0.06, 0.20), rng.uniform(0.010, 0.022)
        total += rng.uniform(0.4, 1.0) * high * np.exp(-((across / width) ** 2)) * np.exp(-((along / half) ** 2))
    return total


def lay_flat(kind: str, rng: Rng) -> tuple[list[Surface], Pattern]:
    """Lay a piece on the ground with its front up: the surfaces of front and back, u = x and v up the piece."""
    pattern = make_pattern(kind, rng)
    low, high = pattern.outline.min(0), pattern.outline.max(0)
    layers = []
    for neck in (1, 0):
        places, tris = cut_sheet(lambda p, neck=neck: pattern.field(p, neck), low, high, _CELL)
        inside = pattern.field(places, neck)
        height = np.full(len(places), _THICK)
        if neck == 0:
            height = _THICK + 0.007 * (1 - np.exp(-np.maximum(inside, 0) / 0.012))
            count = round(70 * np.prod(high - low) * (0.5 if kind == "bag" else 1))
            height += _ridges(rng, places, count, 0.016 if kind == "bag" else 0.030) * np.clip(inside / 0.035, 0, 1)
            start = np.column_stack([places, height])
            rest = np.column_stack([places, 1.25 * height])
            border = _border(len(places), tris)
            ground = _slab(low - 0.3, high + 0.3)
            fallen = drape(Cloth(start, rest, tris, border, 0.25), ground, _THICK, steps=12)
            places_now, height = fallen[:, :2], fallen[:, 2] + _relief(pattern, places, inside, neck)
        else:
            places_now = places
        layers.append(_surface(np.column_stack([places_now, height]), tris, places, inside))
    return layers, pattern


def hang_up(kind: str, rng: Rng) -> tuple[list[Surface], Pattern]:
    """Hang a piece up in front of a wall on y = 0.08: x to the right, z up, its hem about z = 0."""
    pattern = make_pattern(kind, rng)
    low, high = pattern.outline.min(0), pattern.outline.max(0)
    sheets = [cut_sheet(lambda p, neck=neck: pattern.field(p, neck), low, high, _CELL) for neck in (0, 1)]
    count = len(sheets[0][0])
    places = np.concatenate([sheet[0] for sheet in sheets])
    side = np.repeat([-1.0, 1.0], [count, len(sheets[1][0])])
    tris = np.concatenate([sheets[0][1], sheets[1][1][:, ::-1] + count])
    outline = distance_inside(places, pattern.outline)
    open_hem = places[:, 1] < low[1] + 0.004 if kind != "bag" else places[:, 1] > high[1] - 0.004
    sewn = (np.abs(outline) < 0.003) & ~open_hem
    edges, _, uses = edges_of(tris)
    sewn[edges[(uses == 2) & sewn[edges].all(1), 0]] = False  # an edge may not join four triangles
    apart = np.column_stack([places[:, 0], side * 9 + places[:, 1]])
    _, same = np.unique(np.where(sewn[:, None], places.round(4), apart), axis=0, return_inverse=True)
    merge = sp.csr_matrix((np.ones(len(places)), (same.ravel(), np.arange(len(places)))))
    merge = sp.diags(1 / np.asarray(merge.sum(1)).ravel()) @ merge
    depth = side * 0.03 * np.sqrt(np.clip(outline / 0.08, 0, 1)) * ~sewn
    start = merge @ np.column_stack([places[:, 0], depth, places[:, 1]])
    rest = merge @ np.column_stack([places[:, 0] * 1.0, depth * 0.3, places[:, 1]])
    flat = merge @ places
    pinned = _to_segments(flat, pattern.hang) < 0.012
    start[:, 1] += _ridges(rng, flat, 8, 0.012) * ~pinned
    rest[:, 0] *= 1.02
    fallen = drape(
        Cloth(start, rest, same.ravel()[tris], pinned, 0.08), _filling(kind, high[1]), 0.004, steps=60, search=1
    )
    made = []
    for part, neck in ((slice(0, count), 0), (slice(count, None), 1)):
        inside = pattern.field(places[part], neck)
        vertices = fallen[same.ravel()[part]]
        relief = np.zeros_like(vertices)
        relief[:, 1] = -_relief(pattern, places[part], inside, neck) * (1 - 2 * neck)
        made.append(_surface(vertices + relief, sheets[neck][1], places[part], inside))
    return made[::-1], pattern


def make_straps(top: float, *, hung: bool, rng: Rng) -> list[Surface]:
    """Make the two straps of a bag, sewn on at x = ±0.09 of its upper edge."""
    share = np.linspace(0, 1, 40)
    straps = []
    for number, depth in enumerate((-1.0, 1.0)):
        bow = rng.uniform(0.22, 0.28)
        if hung:
            x = 0.09 * np.cos(np.pi * share)
            up = top - 0.03 + (bow + 0.03) * np.sin(np.pi * share) ** 0.75
            middle = np.stack([x, depth * 0.012 * np.abs(np.cos(np.pi * share)), up], axis=1)
        else:
            x = 0.09 * np.cos(np.pi * share) + (0.03 * number) * np.sin(np.pi * share)
            up = top - 0.03 + (bow - 0.05 * number) * np.sin(np.pi * share)
            middle = np.stack([x, up, 0.012 + 0.004 * (1 - number) + 0.006 * np.sin(np.pi * share)], axis=1)
        along = np.gradient(middle, axis=0)
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        across = np.cross(along, [0, 1.0, 0] if hung else [0, 0, 1.0])
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
        offsets = np.linspace(-0.0125, 0.0125, 3)
        points = middle[:, None] + offsets[None, :, None] * across[:, None]
        length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(middle, axis=0), axis=1))]
        edge = np.broadcast_to(0.0125 - np.abs(offsets) + 0.004, (len(share), 3))
        straps.append(lattice(points, np.stack(np.meshgrid(offsets, length), axis=-1), edge))
    return straps


def make_hanger(top: float) -> list[Surface]:
    """Make a clothes hanger whose arms lie in the shoulders, with its hook."""
    x = np.linspace(-1, 1, 30)
    arms = np.column_stack([0.20 * x, 0 * x, top - 0.008 - 0.045 * np.abs(x) ** 1.3])
    angle = np.linspace(-np.pi / 2, np.pi, 24)
    neck = np.column_stack([0 * angle[:4], 0 * angle[:4], np.linspace(top - 0.01, top + 0.05, 4)])
    hook = np.column_stack([0.022 * np.cos(angle), 0 * angle, top + 0.072 + 0.022 * np.sin(angle)])
    return [tube(arms, 0.007), tube(np.vstack([neck, hook]), 0.0022)]


def _surface(vertices: Array, tris: Array, places: Array, inside: Array) -> Surface:
    values = np.column_stack([places, np.minimum(np.abs(inside), FAR)])
    return Surface(vertices, tris, values[tris]).refined()


def _border(count: int, tris: Array) -> Array:
    edges, _, uses = edges_of(tris)
    border = np.zeros(count, bool)
    border[edges[uses == 1].ravel()] = True
    return border


def _slab(low: Array, high: Array) -> tuple[Array, Array]:
    corners = np.array([[x, y, z] for z in (-0.3, 0.0) for y in (low[1], high[1]) for x in (low[0], high[0])])
    quads = np.array([[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]])
    return corners, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _filling(kind: str, top: float) -> tuple[Array, Array]:
    """Make what keeps front and back of a hung piece apart, and the wall behind it."""
    if kind == "bag":
        inner = ball((0, 0, 0.14), (0.135, 0.032, 0.13), 24)
    else:
        inner = ball((0, 0, top - 0.36), (0.19, 0.022, 0.34), 24)
    wall, quads = _slab(np.array([-2.0, -2.0]), np.array([2.0, 2.0]))
    wall = np.column_stack([wall[:, 0], 0.08 - wall[:, 2], wall[:, 1]])
    return np.vstack([inner.vertices, wall]), np.vstack([inner.triangles, quads + len(inner.vertices)])
