"""Drape cloth over a body: position-based dynamics in Warp kernels on the CPU.

The method is XPBD with rigid constraints, long-range attachments (Kim, Chentanez and Müller-Fischer 2012) and
collision with a triangle mesh. One thread solves the constraints in a fixed order, so results repeat.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import warp as wp

from shoot.meshes import edges_of

Array = np.ndarray
_GRAVITY, _STEP, _FLOOR = -6.0, 1 / 60, 0.006  # m/s², s, m

wp.config.quiet = True
wp.init()


@dataclass(frozen=True)
class Cloth:
    """A piece of cloth before it falls.

    Attributes:
        start: where its vertices begin, (n, 3), m.
        rest: its vertices in the shape that gives lengths, (n, 3), m.
        pinned: which vertices are held, bool (n,).
        bend: resistance to bending, 0 to 1.
    """

    start: Array
    rest: Array
    triangles: Array
    pinned: Array
    bend: float


@wp.kernel
def _solve(
    place: wp.array(dtype=wp.vec3),
    free: wp.array(dtype=float),
    first: wp.array(dtype=int),
    second: wp.array(dtype=int),
    length: wp.array(dtype=float),
    stretch: wp.array(dtype=float),
    press: wp.array(dtype=float),
    share: wp.array(dtype=float),
    count: int,
):
    for e in range(count):  # one thread: Gauss-Seidel in order
        i = first[e]
        j = second[e]
        d = place[i] - place[j]
        now = wp.length(d)
        wi = free[i] * share[e]
        wj = free[j] * (1.0 - share[e])
        total = wi + wj
        if now > 1.0e-7 and total > 0.0:
            error = now - length[e]
            k = stretch[e]
            if error < 0.0:
                k = press[e]
            g = d * (k * error / (now * total))
            place[i] = place[i] - g * wi
            place[j] = place[j] + g * wj


@wp.kernel
def _advance(
    place: wp.array(dtype=wp.vec3),
    speed: wp.array(dtype=wp.vec3),
    before: wp.array(dtype=wp.vec3),
    free: wp.array(dtype=float),
    step: float,
    gravity: float,
):
    i = wp.tid()
    before[i] = place[i]
    if free[i] > 0.0:
        place[i] = place[i] + (speed[i] + wp.vec3(0.0, 0.0, gravity) * step) * 0.96 * step


@wp.kernel
def _find_contacts(
    mesh: wp.uint64,
    place: wp.array(dtype=wp.vec3),
    touch: wp.array(dtype=wp.vec3),
    outward: wp.array(dtype=wp.vec3),
    near: wp.array(dtype=int),
):
    i = wp.tid()
    near[i] = 0
    q = wp.mesh_query_point_sign_normal(mesh, place[i], 0.08)
    if q.result:
        p = wp.mesh_eval_position(mesh, q.face, q.u, q.v)
        d = place[i] - p
        far = wp.length(d)
        n = wp.mesh_eval_face_normal(mesh, q.face)
        if far > 1.0e-6:
            n = d * (q.sign / far)
        near[i] = 1
        touch[i] = p
        outward[i] = n


@wp.kernel
def _collide(
    touch: wp.array(dtype=wp.vec3),
    outward: wp.array(dtype=wp.vec3),
    near: wp.array(dtype=int),
    place: wp.array(dtype=wp.vec3),
    before: wp.array(dtype=wp.vec3),
    free: wp.array(dtype=float),
    thick: float,
    friction: float,
    floor: float,
):
    i = wp.tid()
    if free[i] > 0.0:
        if near[i] > 0:
            n = outward[i]
            gap = wp.dot(place[i] - touch[i], n)
            if gap < thick:
                y = place[i] + n * (thick - gap)
                slid = y - before[i]
                slid = slid - n * wp.dot(slid, n)
                place[i] = y - slid * friction
        if place[i][2] < floor:
            place[i] = wp.vec3(place[i][0], place[i][1], floor)


@wp.kernel
def _hold(
    place: wp.array(dtype=wp.vec3), free: wp.array(dtype=float), pin: wp.array(dtype=int), reach: wp.array(dtype=float)
):
    i = wp.tid()
    if free[i] > 0.0 and pin[i] >= 0:  # no vertex hangs further from its pin than the cloth is long
        d = place[i] - place[pin[i]]
        far = wp.length(d)
        if far > reach[i]:
            place[i] = place[pin[i]] + d * (reach[i] / far)


@wp.kernel
def _settle(
    place: wp.array(dtype=wp.vec3),
    speed: wp.array(dtype=wp.vec3),
    before: wp.array(dtype=wp.vec3),
    step: float,
    most: float,
):
    i = wp.tid()
    u = (place[i] - before[i]) / step
    fast = wp.length(u)
    if fast > most:
        u = u * (most / fast)
    speed[i] = u


def drape(
    cloth: Cloth, collider: tuple[Array, Array], thick: float, *, steps: int = 70, rounds: int = 5, search: int = 3
) -> Array:
    """Let cloth fall onto a mesh; return its vertices, (n, 3).

    Args:
        collider: vertices and triangles of what it falls on.
        thick: distance that it keeps from the collider, m.
        search: steps between searches for what a vertex touches; in between it touches the same plane.
    """
    pairs, length, stretch, press, share = _constraints(cloth)
    count, free = len(cloth.start), np.where(cloth.pinned, 0.0, 1.0)
    pin, reach = _attachments(cloth, pairs, length)
    place, movable = _array(cloth.start, wp.vec3), _array(free, float)
    speed, before = (wp.zeros(count, dtype=wp.vec3, device="cpu") for _ in range(2))
    mesh = wp.Mesh(points=_array(collider[0], wp.vec3), indices=_array(collider[1].ravel(), int))
    solver = [place, movable, _array(pairs[:, 0], int), _array(pairs[:, 1], int)]
    solver += [_array(values, float) for values in (length, stretch, press, share)]
    held, far = _array(pin, int), _array(reach, float)
    touch, outward = (wp.zeros(count, dtype=wp.vec3, device="cpu") for _ in range(2))
    near = wp.zeros(count, dtype=int, device="cpu")
    for step in range(steps):
        wp.launch(_advance, count, [place, speed, before, movable, _STEP, _GRAVITY], device="cpu")
        if step % search == 0 or step > steps - 2 * search:
            wp.launch(_find_contacts, count, [mesh.id, place, touch, outward, near], device="cpu")
        for number in range(rounds):
            wp.launch(_solve, 1, [*solver, len(pairs)], device="cpu")
            wp.launch(_hold, count, [place, movable, held, far], device="cpu")
            if number % 3 == 2 or number == rounds - 1:
                contacts = [touch, outward, near]
                wp.launch(_collide, count, [*contacts, place, before, movable, thick, 0.6, _FLOOR], device="cpu")
        wp.launch(_settle, count, [place, speed, before, _STEP, 2.0], device="cpu")
    return place.numpy().astype(float)


def _array(values: Array, kind: type) -> wp.array:
    numbers = np.int32 if kind is int else np.float32
    return wp.array(np.ascontiguousarray(values, numbers), dtype=kind, device="cpu")


def _constraints(cloth: Cloth) -> tuple[Array, Array, Array, Array, Array]:
    """Return pairs int (c, 2) of edges and of bending, with length, stretch, press and the first one's share, (c,)."""
    edges, inverse, uses = edges_of(cloth.triangles)
    order = np.argsort(inverse.ravel(), kind="stable")
    opposite = cloth.triangles[:, [2, 0, 1]].ravel()[order]
    first = np.r_[True, np.diff(inverse.ravel()[order]) != 0]
    bends = np.stack([opposite[first][uses == 2], opposite[~first]], axis=1)
    pairs = np.concatenate([edges, bends])
    length = np.linalg.norm(cloth.rest[pairs[:, 0]] - cloth.rest[pairs[:, 1]], axis=1)
    kind = np.r_[np.zeros(len(edges), int), np.ones(len(bends), int)]
    stretch, press = np.array([1.0, cloth.bend])[kind], np.array([0.6, cloth.bend])[kind]
    rise = (cloth.rest[pairs[:, 0], 2] - cloth.rest[pairs[:, 1], 2]) / np.maximum(length, 1e-6)
    share = 0.5 - 0.10 * np.clip(rise, -1, 1) * (kind == 0)  # the lower end yields more: it hangs without stretching
    order = np.argsort(-cloth.start[pairs].max(1)[:, 2], kind="stable")  # from the top down
    return pairs[order], length[order], stretch[order], press[order], share[order]


def _attachments(cloth: Cloth, pairs: Array, length: Array) -> tuple[Array, Array]:
    """Return the nearest pinned vertex of every vertex along the cloth, −1: none, and the distance to it, m."""
    count = len(cloth.start)
    graph = sp.csr_matrix((np.maximum(length, 1e-9), (pairs[:, 0], pairs[:, 1])), (count, count))
    held = np.flatnonzero(cloth.pinned)
    reach, _, pin = sp.csgraph.dijkstra(graph, directed=False, indices=held, min_only=True, return_predecessors=True)
    loose = ~np.isfinite(reach)
    return np.where(loose, -1, pin), np.where(loose, 9.0, reach * 1.01)
