"""Give a piece of cloth the shape that it has before it falls: room, flare and length, and what holds it."""

import numpy as np
from scipy.interpolate import griddata
from scipy.ndimage import gaussian_filter1d, map_coordinates

from shoot.drape import Cloth
from shoot.landmarks import Landmarks
from shoot.meshes import edges_of, normals, smoothing
from shoot.pieces import Piece

Array = np.ndarray
_STIFF = {"jacket": 0.22, "sweater": 0.2, "shirt": 0.10}  # resistance to bending; others 0.06


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


def give_room(piece: Piece, marks: Landmarks, thick: float, rng: np.random.Generator) -> Cloth:
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
