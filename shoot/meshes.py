"""Mesh tools. Every refinement or cut is a sparse matrix, so it applies to rest and posed vertices alike.

Legend: V vertices float (n, 3), m; Q quads int (f, 4); T triangles int (f, 3).
"""

import numpy as np
import scipy.sparse as sp

Array = np.ndarray
_MIN_CUT = 0.12  # a cut is at least this share of an edge away from its ends: no slivers


def compact(faces: Array) -> tuple[Array, Array]:
    """Return the ids of the vertices that faces use, and the faces over those vertices alone."""
    ids, inverse = np.unique(faces, return_inverse=True)
    return ids, inverse.reshape(faces.shape)


def triangles(quads: Array) -> Array:
    """Split quads into triangles."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def edges_of(tris: Array) -> tuple[Array, Array, Array]:
    """Return the edges int (e, 2), the edge of each corner int (f, 3), and how many triangles each edge has."""
    pairs = np.sort(np.concatenate([tris[:, [0, 1]], tris[:, [1, 2]], tris[:, [2, 0]]]), axis=1)
    edges, inverse, count = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    return edges, inverse.reshape(3, -1).T, count


def normals(vertices: Array, tris: Array) -> Array:
    """Return area-weighted unit normals of vertices, (n, 3)."""
    a, b, c = (vertices[tris[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    total = np.zeros_like(vertices, dtype=float)
    for k in range(3):
        np.add.at(total, tris[:, k], face)
    return unit(total)


def unit(vectors: Array) -> Array:
    """Scale vectors (…, 3) to length 1; zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _incidence(rows: Array, columns: Array, shape: tuple[int, int], value: float = 1.0) -> sp.csr_matrix:
    return sp.csr_matrix((np.full(rows.size, value), (rows.ravel(), columns.ravel())), shape)


def refine_quads(count: int, quads: Array) -> tuple[sp.csr_matrix, Array]:
    """Make one step of Catmull-Clark subdivision of `count` vertices: matrix to the new vertices, new quads."""
    faces = len(quads)
    pairs = np.stack([quads, np.roll(quads, -1, axis=1)], axis=2).reshape(-1, 2)
    edges, inverse, uses = np.unique(np.sort(pairs, axis=1), axis=0, return_inverse=True, return_counts=True)
    inverse, n_edges = inverse.reshape(faces, 4), len(edges)
    owner = np.repeat(np.arange(faces), 4)
    face_points = _incidence(owner, quads, (faces, count), 0.25)
    middles = _incidence(np.repeat(np.arange(n_edges), 2), edges, (n_edges, count), 0.5)
    of_faces = _incidence(inverse, owner, (n_edges, faces))
    inner = (uses > 1).astype(float)
    edge_points = sp.diags(1 - inner / 2) @ middles + sp.diags(inner / uses / 2) @ of_faces @ face_points
    at_edges = _incidence(edges, np.repeat(np.arange(n_edges), 2), (count, n_edges))
    at_faces = _incidence(quads, owner, (count, faces))
    valence, n_faces = _sums(at_edges), _sums(at_faces)
    at_border = at_edges @ sp.diags(1 - inner)
    border = np.asarray(at_border.sum(1)).ravel() > 0
    moved = (
        sp.diags(~border / valence / n_faces) @ at_faces @ face_points
        + sp.diags(~border * 2 / valence**2) @ at_edges @ middles
        + sp.diags(~border * (valence - 3) / valence)
        + sp.diags(border * 0.5 / _sums(at_border)) @ at_border @ middles
        + sp.diags(border * 0.5)
    )
    centre, edge_ids = count + n_edges + np.arange(faces), count + inverse
    corners = [np.stack([quads[:, k], edge_ids[:, k], centre, edge_ids[:, (k + 3) % 4]], axis=1) for k in range(4)]
    return sp.vstack([moved, edge_points, face_points]).tocsr(), np.concatenate(corners)


def _sums(matrix: sp.spmatrix) -> Array:
    return np.maximum(np.asarray(matrix.sum(1)).ravel(), 1)


def refine_quad_corners(values: Array) -> Array:
    """Refine values of corners, (f, 4, k), as `refine_quads` refines the quads: (4 f, 4, k)."""
    centre = values.mean(1)
    middle = (values + np.roll(values, -1, axis=1)) / 2
    return np.concatenate(
        [np.stack([values[:, k], middle[:, k], centre, middle[:, (k + 3) % 4]], axis=1) for k in range(4)]
    )


def refine_triangles(count: int, tris: Array) -> tuple[sp.csr_matrix, Array]:
    """Make one step of Loop subdivision of `count` vertices: matrix to the new vertices, new triangles."""
    edges, inverse, uses = edges_of(tris)
    inner, n_edges = uses == 2, len(edges)
    opposite = _incidence(inverse, tris[:, [2, 0, 1]], (n_edges, count))
    ends = _incidence(np.repeat(np.arange(n_edges), 2), edges, (n_edges, count))
    middles = sp.diags(np.where(inner, 0.375, 0.5)) @ ends + sp.diags(np.where(inner, 0.125, 0)) @ opposite
    near, along = _neighbours(count, edges), _neighbours(count, edges[~inner])
    border = np.asarray(along.sum(1)).ravel() > 0
    moved = (
        sp.diags(np.where(border, 0, 0.375 / _sums(near))) @ near
        + sp.diags(np.where(border, 0.75, 0.625))
        + sp.diags(np.where(border, 0.25 / _sums(along), 0)) @ along
    )
    a, b, c = tris.T
    ab, bc, ca = (count + inverse).T
    parts = [np.stack(corner, axis=1) for corner in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    return sp.vstack([moved, middles]).tocsr(), np.concatenate(parts)


def refine_triangle_corners(values: Array) -> Array:
    """Refine values of corners, (f, 3, k), as `refine_triangles` refines the triangles: (4 f, 3, k)."""
    a, b, c = values[:, 0], values[:, 1], values[:, 2]
    ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
    return np.concatenate(
        [np.stack(corner, axis=1) for corner in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    )


def _neighbours(count: int, edges: Array) -> sp.csr_matrix:
    return _incidence(edges.T, edges[:, ::-1].T, (count, count))


def smoothing(count: int, tris: Array) -> sp.csr_matrix:
    """Return the matrix of a smoothing step: half way to the mean of the neighbours, on the border of those on it."""
    edges, _, uses = edges_of(tris)
    near, along = _neighbours(count, edges), _neighbours(count, edges[uses == 1])
    border = np.asarray(along.sum(1)).ravel() > 0
    near = sp.diags((~border).astype(float)) @ near + along
    return (0.5 * sp.eye(count) + 0.5 * sp.diags(1 / _sums(near)) @ near).tocsr()


def clip(count: int, tris: Array, field: Array) -> tuple[sp.csr_matrix, Array]:
    """Keep the part of a mesh where a field of its vertices is positive.

    Returns:
        The matrix from the old vertices to the new ones, and the new triangles.
    """
    inside = field > 0
    kept = inside[tris].sum(1)
    part = tris[(kept == 1) | (kept == 2)]
    single = inside[part].sum(1) == 1
    lone = np.where(single, inside[part].argmax(1), inside[part].argmin(1))  # the corner that is alone on its side
    a, b, c = (np.take_along_axis(part, ((lone + k) % 3)[:, None], axis=1)[:, 0] for k in range(3))
    pairs = np.sort(np.concatenate([np.stack([a, b], 1), np.stack([a, c], 1)]), axis=1)
    cuts, inverse = np.unique(pairs, axis=0, return_inverse=True)
    at_b, at_c = count + inverse.ravel()[: len(part)], count + inverse.ravel()[len(part) :]
    small = np.stack([a, at_b, at_c], axis=1)[single]
    large = np.concatenate([np.stack([at_b, b, c], axis=1), np.stack([at_b, c, at_c], axis=1)])[np.tile(~single, 2)]
    share = np.clip(field[cuts[:, 0]] / (field[cuts[:, 0]] - field[cuts[:, 1]]), _MIN_CUT, 1 - _MIN_CUT)
    rows = np.repeat(np.arange(len(cuts)), 2)
    weights = sp.csr_matrix((np.stack([1 - share, share], 1).ravel(), (rows, cuts.ravel())), (len(cuts), count))
    ids, new = compact(np.concatenate([tris[kept == 3], small, large]))
    return sp.vstack([sp.eye(count), weights]).tocsr()[ids], new


def split(count: int, tris: Array, field: Array) -> tuple[sp.csr_matrix, Array, Array]:
    """Cut a mesh where a field of its vertices changes sign, and keep both sides.

    Returns:
        The matrix from the old vertices to the new ones, the new triangles, and which of them are on the positive side.
    """
    matrices, parts = zip(clip(count, tris, field), clip(count, tris, -field), strict=True)
    offset = matrices[0].shape[0]
    stacked = sp.vstack(matrices).tocsr()
    probe = np.random.default_rng(0).random((count, 2))  # vertices with equal weights are one
    _, first, same = np.unique((stacked @ probe).round(9), axis=0, return_index=True, return_inverse=True)
    both = same.ravel()[np.concatenate([parts[0], parts[1] + offset])]
    return stacked[first], both, np.arange(len(both)) < len(parts[0])


def keep_large(count: int, tris: Array, share: float = 0.2) -> Array:
    """Return which triangles belong to a connected part of at least `share` of the largest one's size, bool (f,)."""
    pairs = np.concatenate([tris[:, [0, 1]], tris[:, [1, 2]]])
    parts, label = sp.csgraph.connected_components(_incidence(pairs[:, 0], pairs[:, 1], (count, count)), directed=False)
    sizes = np.bincount(label[tris[:, 0]], minlength=parts)
    return sizes[label[tris[:, 0]]] >= share * sizes.max()


def value_noise(points: Array, seed: int = 0) -> Array:
    """Return smooth noise in [−1, 1] at points (n, 3); its cells are 1 wide."""
    cell = np.floor(points).astype(np.int64)
    inside = points - cell
    inside = inside * inside * (3 - 2 * inside)
    total = np.zeros(len(points))
    for corner in np.ndindex(2, 2, 2):
        x, y, z = (cell + corner).T
        mixed = (x * 374761393 + y * 668265263 + z * 2147483647 + seed * 974711) & 0xFFFFFFFF
        mixed = ((mixed ^ (mixed >> 13)) * 1274126177) & 0xFFFFFFFF
        mixed = (mixed ^ (mixed >> 16)) & 0xFFFF
        weight = np.prod(np.where(corner, inside, 1 - inside), axis=1)
        total += weight * (mixed / 32767.5 - 1)
    return total
