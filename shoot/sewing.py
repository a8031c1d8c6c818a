"""What is added to draped pieces: coordinates on the cloth for prints, collars, and a finer mesh for the camera.

Corner values are (u, v, edge): position on the cloth around and along the body, m, and distance to the nearest hem, m.
"""

from dataclasses import dataclass

import numpy as np

from shoot.cuts import Cut
from shoot.landmarks import Landmarks
from shoot.meshes import edges_of, normals, refine_triangle_corners, refine_triangles, unit
from shoot.pieces import Draped, Field

Array = np.ndarray
_SLEEVE, _LEG = 0.050, 0.075  # radii that angles are turned into lengths with, m
_FAR = 0.5  # distances to a hem are cut off here, m


@dataclass(frozen=True)
class Garment:
    """A garment ready for the camera."""

    cut: Cut
    vertices: Array  # (n, 3), m
    triangles: Array  # int (f, 3)
    corners: Array  # (f, 3, 3)
    collider: tuple[Array, Array]  # coarse vertices and triangles, for what is worn above
    field: Field | None  # where it covers the body at rest; None: it hangs free of it


def sew(draped: Draped, marks: Landmarks) -> list[Garment]:
    """Finish a piece, and add its collar if the cut has one."""
    piece = draped.piece
    corners = _cloth_coordinates(draped, marks)
    matrix, tris = refine_triangles(len(draped.vertices), piece.triangles)
    body = Garment(
        piece.cut,
        matrix @ draped.vertices,
        tris,
        refine_triangle_corners(corners),
        (draped.vertices, piece.triangles),
        None if piece.style == "skirt" else piece.field,
    )
    has_collar = piece.style == "top" and piece.cut.neck == "collar"
    return [body, *([collar] if has_collar and (collar := _collar(draped, marks)) else [])]


def _cloth_coordinates(draped: Draped, marks: Landmarks) -> Array:
    """Return (u, v, edge) of every corner; u continues across seams within a triangle."""
    piece, size = draped.piece, marks.size
    rest, tris = piece.rest, piece.triangles
    if piece.style == "top":
        half, depth, middle = 0.165 * size, 0.115 * size, marks.middle - 0.01 * size
    else:
        half, depth = np.ptp(rest[:, 0]) / 2, np.ptp(rest[:, 1]) / 2
        middle = (rest[:, 1].max() + rest[:, 1].min()) / 2
    radius = np.sqrt((half**2 + depth**2) / 2)
    around = np.arctan2(rest[:, 0] / half, -(rest[:, 1] - middle) / depth) * radius
    if piece.style == "legs":
        radius = _LEG * size
        around = np.arctan2(np.abs(rest[:, 0]) - marks.leg_centre(rest[:, 2]), -(rest[:, 1] - marks.middle)) * radius
    corners = np.stack([around, rest[:, 2] - piece.lengthening(marks)], axis=1)[tris]
    on_arm = piece.on_arm
    along, angle = marks.along_arm(rest)
    sleeve = np.stack([angle * _SLEEVE * size, (0.3 - 0.52 * along) * size], axis=1)[tris]
    corners = np.where(on_arm[:, None, None], sleeve, corners)
    period = 2 * np.pi * np.where(on_arm, _SLEEVE * size, radius)
    behind = corners[:, :, 0] < (corners[:, :, 0].max(1) - period / 2)[:, None]
    corners[:, :, 0] += behind * period[:, None]
    edge = np.minimum(np.abs(piece.field(rest, piece.arm)), _FAR)[tris][:, :, None]
    return np.concatenate([corners, edge], axis=2)


def _collar(draped: Draped, marks: Landmarks) -> Garment | None:
    """Sew a folded collar onto the neckline: up from it, and down again outside, with points in front."""
    chain = _neckline(draped, marks)
    if chain is None:
        return None
    size, line = marks.size, draped.vertices[chain]
    for _ in range(3):  # even out the edge
        line[1:-1] = (line[:-2] + 2 * line[1:-1] + line[2:]) / 4
    centre = line.mean(0)
    out = unit((line - centre) * [1, 1, 0])
    length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))]
    to_front = np.abs(2 * length / length[-1] - 1) ** 3  # 0 at the back, 1 at the points
    jacket = draped.piece.cut.kind == "jacket"
    stand, fall = (0.020, 0.055) if jacket else (0.026, 0.046)
    rise = np.array([0, 0, 1.0]) * stand * size * (1 - 0.55 * to_front)[:, None]
    top = line + rise + out * 0.006 * size
    tip = np.array([0, 0, -1.0]) * (fall * size * (1 + 0.75 * to_front))[:, None]
    low = top + tip + out * (0.020 + 0.012 * to_front)[:, None] * size
    rings = [line, top, top + 0.5 * (low - top) + out * 0.008 * size, low]
    count = len(line)
    quads = np.concatenate([_band(ring * count, (ring + 1) * count, count) for ring in range(len(rings) - 1)])
    vertices = np.vstack(rings)
    down = np.repeat([0.0, stand, stand + fall / 2, stand + fall], count) * size
    values = np.stack([np.tile(length, len(rings)), 0.02 + down, (stand + fall) * size - down + 0.004], axis=1)
    matrix, tris = refine_triangles(len(vertices), quads)
    fine = matrix @ vertices
    return Garment(draped.piece.cut, fine, tris, refine_triangle_corners(values[quads]), (vertices, quads), None)


def _band(start: int, end: int, count: int) -> Array:
    """Return the triangles between two rows of vertices."""
    first = np.arange(count - 1)
    a, b, c, d = start + first, start + first + 1, end + first + 1, end + first
    return np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])


def _neckline(draped: Draped, marks: Landmarks) -> Array | None:
    """Return the vertices of the neckline in order, from one side of the front around the neck to the other."""
    piece = draped.piece
    edges, _, uses = edges_of(piece.triangles)
    near = np.linalg.norm(piece.rest - marks.joints["neck01"], axis=1) < 0.16 * marks.size
    near &= (piece.arm < 0.3) & (piece.rest[:, 2] > marks.neck - 0.10 * marks.size)
    links = edges[(uses == 1) & near[edges].all(1)]
    neighbours: dict[int, list[int]] = {}
    for a, b in links.tolist():
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    if len(neighbours) < 8:
        return None
    front = min(neighbours, key=lambda n: (len(neighbours[n]) != 1, piece.rest[n, 1]))  # an end, else the foremost
    chain, seen = [front], {front}
    while following := [n for n in neighbours[chain[-1]] if n not in seen]:
        chain.append(following[0])
        seen.add(following[0])
    return np.array(chain) if len(chain) > 8 else None


def shade_normals(garment: Garment) -> Array:
    """Return the normals of a garment's vertices, (n, 3)."""
    return normals(garment.vertices, garment.triangles)
