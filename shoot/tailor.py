"""Cut garments from the helper meshes by scalar fields, give them room, and drape them over the posed body.

A field is positive inside of a garment and about the distance to its edge, m.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.interpolate import griddata
from scipy.ndimage import gaussian_filter1d, map_coordinates

from shoot.bodies import Bodies, Figure
from shoot.cuts import LEGS, SKIRTS, TOPS, Cut
from shoot.drape import Cloth, drape
from shoot.landmarks import Landmarks
from shoot.meshes import clip, compact, edges_of, keep_large, normals, refine_quads, smoothing, split, triangles

Array = np.ndarray
Field = Callable[[Array, Array], Array]  # rest positions (n, 3), arm weights (n,) → (n,)
_LOWEST = (
    0.04  # tops are cut down to here below the hip joint, m, since the mesh has legs further down; then lengthened
)
_SEAM = 0.5  # sleeves begin where the cloth moves by this share with an arm
_STIFF = {"jacket": 0.22, "sweater": 0.2, "shirt": 0.10}  # resistance to bending; others 0.06
# kind of neckline: (height over the nape, m; how steeply it falls to the front; depth of a V, m)
_NECKS = {"crew": (-0.002, 0.72, 0), "scoop": (-0.008, 0.95, 0), "v": (-0.002, 0.60, 0.11), "boat": (-0.022, 0.42, 0),
          "collar": (0.012, 0.62, 0.045), "high": (0.045, 0.30, 0)}  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """A piece of cloth on one person: a part of a helper mesh."""

    cut: Cut
    style: str  # top, legs or skirt
    field: Field
    matrix: sp.csr_matrix  # from the base mesh's vertices `ids`
    ids: Array
    triangles: Array
    rest: Array  # (n, 3), m
    posed: Array  # (n, 3), m
    arm: Array  # share that moves with an arm, (n,)
    on_arm: Array  # which triangles are of a sleeve, bool (f,)

    def lengthening(self, marks: Landmarks) -> Array:
        """Return how far below its place on the mesh a vertex of a long top is, (n,), m."""
        if self.style != "top" or self.cut.kind == "dress":
            return np.zeros(len(self.rest))
        low = (marks.waist - self.rest[:, 2]) / (marks.waist - marks.hip + _LOWEST * marks.size)
        return max(0.0, self.cut.hem - _LOWEST) * marks.size * np.clip(low, 0, 1) * (self.arm < 0.3)


@dataclass(frozen=True)
class Draped:
    """A piece after it has fallen."""

    piece: Piece
    vertices: Array  # (n, 3), m


class Tailor:
    """Cuts for one body model: the helper meshes, refined once."""

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies
        self._sources = {}
        for name in ("helper-tights", "helper-skirt"):
            ids, quads = compact(bodies.groups[name][:, :, 0])
            matrix, quads = refine_quads(len(ids), quads)
            self._sources[name] = (ids, matrix, triangles(quads))

    def make(self, cut: Cut, figure: Figure, collider: tuple[Array, Array], over: float, seed: int) -> list[Draped]:
        """Cut and drape one garment: one piece, or two for a dress.

        Args:
            collider: vertices and triangles of body, shoes and the garments below.
            over: distance from the body by layer, m.
        """
        marks = Landmarks.of(self.bodies, figure)
        rng = np.random.default_rng([seed, 5])
        thick = (0.004 + over) * marks.size
        draped = []
        for style, source, field in self._fields(cut, marks, figure):
            piece = self._cut(cut, style, source, field, figure)
            cloth = _give_room(piece, marks, thick, rng)
            draped.append(Draped(piece, drape(cloth, collider, thick)))
        return draped

    def _fields(self, cut: Cut, marks: Landmarks, figure: Figure) -> list[tuple[str, str, Field]]:
        parts = []
        if cut.kind in TOPS:
            top_of_skirt = figure.rest[self._sources["helper-skirt"][0], 2].max()
            hem = marks.hip - min(cut.hem, _LOWEST) * marks.size
            hem = top_of_skirt - 0.045 * marks.size if cut.kind == "dress" else hem
            parts.append(("top", "helper-tights", _top_field(cut, marks, hem)))
        if cut.kind in LEGS:
            parts.append(("legs", "helper-tights", _lower_field(cut, marks, -0.02, legs=True)))
        if cut.kind in SKIRTS:
            band = -0.015 if cut.kind == "dress" else 0.0
            parts.append(("skirt", "helper-skirt", _lower_field(cut, marks, band, legs=False)))
        return parts

    def _cut(self, cut: Cut, style: str, source: str, field: Field, figure: Figure) -> Piece:
        ids, refine, tris = self._sources[source]
        arm = refine @ self.bodies.arm_weights[ids]
        matrix, tris = clip(refine.shape[0], tris, field(refine @ figure.rest[ids], arm))
        tris = tris[keep_large(matrix.shape[0], tris)]
        seam, tris, on_arm = split(matrix.shape[0], tris, matrix @ arm - _SEAM)
        used, tris = compact(tris)
        matrix = (seam[used] @ matrix @ refine).tocsr()
        rest, posed = matrix @ figure.rest[ids], matrix @ figure.posed[ids]
        arm, on_arm = matrix @ self.bodies.arm_weights[ids], on_arm & (style == "top")
        return Piece(cut, style, field, matrix, ids, tris, rest, posed, arm, on_arm)


def _top_field(cut: Cut, marks: Landmarks, hem: float) -> Field:
    size = marks.size
    rise, slope, depth = _NECKS[cut.neck]
    nape = marks.nape + np.array([0, 0, rise * size])
    if cut.sleeve == 0:  # straps: what hangs from them must not sag
        slope, depth = min(slope, 0.85), min(depth, 0.06)

    def field(points: Array, arm: Array) -> Array:
        along, _ = marks.along_arm(points)
        x, y, z = points.T
        inside = np.where(arm > 0.4, 1.0, z - hem)
        armhole = (
            (0.42 - arm) * 0.15 if cut.sleeve == 0 else np.where(arm > 0.25, (cut.sleeve - along) * 0.52 * size, 1)
        )
        neck = (nape[2] + slope * (y - nape[1]) - z) / np.hypot(1, slope)
        inside = np.minimum(np.minimum(inside, armhole), np.where(arm > 0.3, 1.0, neck))
        front = (y < marks.middle - 0.03) & (arm < 0.3)
        if depth:  # a V from its tip up to the sides of the neck
            tip = nape[2] - (0.085 + depth) * size
            inside = np.minimum(inside, np.where(front, (np.abs(x) - (z - tip) * 0.52) / np.hypot(1, 0.52), 1.0))
        if cut.kind == "jacket":  # open in front
            half = np.interp(z, [marks.hip - 0.1, marks.waist, nape[2]], [0.050, 0.030, 0.070]) * size
            inside = np.minimum(inside, np.where(front, np.abs(x) - half, 1.0))
        return inside

    return field


def _lower_field(cut: Cut, marks: Landmarks, band: float, *, legs: bool) -> Field:
    top = marks.waist + band * marks.size
    hem = marks.waist - cut.hem * (marks.waist - marks.ankle)

    def field(points: Array, arm: Array) -> Array:
        inside = np.minimum(top - points[:, 2], points[:, 2] - hem)
        return np.where(arm > 0.4, -1.0, inside) if legs else inside

    return field


def border_of(count: int, tris: Array) -> Array:
    """Return which vertices are on the border of a mesh, bool (count,)."""
    edges, _, uses = edges_of(tris)
    border = np.zeros(count, bool)
    border[edges[uses == 1].ravel()] = True
    return border


def _bridge(rest: Array, trunk: Array, middle: float) -> Array:
    """Return how far forward, m, (n,), cloth on the chest lies in front of the body, since it bridges hollows.

    Without it the cloth is as wide as the hollow between the breasts is deep, and what is too much falls into a crease.
    """
    forward = np.zeros(len(rest))
    for side in (-1, 1):  # front, back
        mine = np.flatnonzero(trunk & ((rest[:, 1] - middle) * side > 0.02) & (np.abs(rest[:, 0]) < 0.17))
        if len(mine) < 50:
            continue
        x, y, z = rest[mine].T
        rows = np.arange(z.min(), z.max() + 0.02, 0.02)
        columns = np.linspace(-0.17, 0.17, 35)
        out = griddata((x, z), side * y, tuple(np.meshgrid(columns, rows)), method="nearest")
        hulls = gaussian_filter1d(
            np.stack([_upper_hull(columns, row) for row in gaussian_filter1d(out, 1, axis=0)]), 1, axis=0
        )
        hull = map_coordinates(hulls, [(z - rows[0]) / 0.02, (x + 0.17) / 0.01], order=1, mode="nearest")
        forward[mine] = side * np.maximum(hull - side * y, 0)
    return forward


def _upper_hull(x: Array, y: Array) -> Array:
    """Return the upper convex hull of a curve at its own x."""
    kept: list[int] = []
    for n in range(len(x)):
        while len(kept) > 1:
            a, b = kept[-2:]
            if (y[b] - y[a]) * (x[n] - x[a]) > (y[n] - y[a]) * (x[b] - x[a]):
                break
            kept.pop()
        kept.append(n)
    return np.interp(x, x[kept], y[kept])


def _give_room(piece: Piece, marks: Landmarks, thick: float, rng: np.random.Generator) -> Cloth:
    """Shape a piece: smoothed, at its distance from the body, with its flare; and choose what is held."""
    count, tris, size = len(piece.rest), piece.triangles, marks.size
    smooth = smoothing(count, tris)
    rest, posed = piece.rest, piece.posed
    for _ in range(6):
        rest = smooth @ rest
    for _ in range(3):
        posed = smooth @ posed
    outward, posed_outward = normals(rest, tris), normals(posed, tris)
    if piece.style == "top":
        above = rest[:, 2] - rest[:, 2].min()
        waisted = np.clip(above / 0.12 - 0.2, 0, 1) if piece.cut.kind == "dress" else 1
        forward = smooth @ _bridge(rest, piece.arm < 0.3, marks.middle) * waisted
        rest[:, 1] += forward
        posed[:, 1] += forward  # the trunk is about upright in every pose
    rest = rest + outward * piece.cut.ease * size
    start = posed + posed_outward * (0.6 * piece.cut.ease * size + thick)
    height = piece.rest[:, 2]
    if piece.style == "legs":
        pinned = height > height.max() - 0.03 * size
        rest = _shape_legs(piece, rest, marks, rng)
    elif piece.style == "skirt":
        pinned = height > height.max() - 0.02
        wide = 1 + (piece.cut.flare - 1) * np.clip((height.max() - height) / 0.55, 0, 1.2)
        rest = np.stack([rest[:, 0] * wide, marks.middle + (rest[:, 1] - marks.middle) * wide, rest[:, 2]], axis=1)
        start[:, 2] = np.maximum(start[:, 2], 0.03)
    else:
        reach = 0.26 if piece.cut.sleeve == 0 else 0.19
        near = np.linalg.norm(piece.rest - marks.joints["neck01"], axis=1) < reach * size
        upper = (piece.arm < 0.3) & (height > marks.neck - 0.22 * size)
        pinned = border_of(count, tris) & near & upper
        if piece.cut.kind == "dress":
            pinned |= height < height.min() + 0.02
        rest = _shape_trunk(piece, rest, marks)
        down = piece.lengthening(marks)[:, None] * [0, 0, 1]
        rest, start = rest - down, start - down
    start[pinned] = (posed + posed_outward * (0.003 + thick))[pinned]
    return Cloth(start, rest, tris, pinned, _STIFF.get(piece.cut.kind, 0.06))


def _shape_legs(piece: Piece, rest: Array, marks: Landmarks, rng: np.random.Generator) -> Array:
    """Make legs a little longer than the body's, and as wide as the cut says below the crotch."""
    height = piece.rest[:, 2]
    low = np.clip((marks.crotch - height) / (marks.crotch - marks.ankle), 0, 1)
    wide = 1 + (piece.cut.flare - 1) * low
    axis = marks.leg_centre(height) * np.sign(piece.rest[:, 0])
    below = height < marks.crotch
    return np.stack(
        [
            np.where(below, axis + (rest[:, 0] - axis) * wide, rest[:, 0]),
            np.where(below, 0.03 + (rest[:, 1] - 0.03) * wide, rest[:, 1]),
            height.max() + (rest[:, 2] - height.max()) * rng.uniform(1.01, 1.04),
        ],
        axis=1,
    )


def _shape_trunk(piece: Piece, rest: Array, marks: Landmarks) -> Array:
    """Give loose tops straight side seams: room at the waist, and a flare below it."""
    if piece.cut.kind in ("dress", "top"):
        return rest
    height, trunk = piece.rest[:, 2], piece.arm < 0.3
    room = 0.05 * np.exp(-(((height - marks.waist) / (0.16 * marks.size)) ** 2)) * trunk
    flare = (piece.cut.flare - 1) * np.clip((marks.waist + 0.15 * marks.size - height) / 0.3, 0, 1) * trunk
    wide = 1 + room + flare
    return np.stack([rest[:, 0] * wide, marks.middle + (rest[:, 1] - marks.middle) * wide, rest[:, 2]], axis=1)
