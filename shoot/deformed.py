"""Deform bodies as text-to-image models do: limbs missing, extra, off their joint, at the wrong joint, long, bent.

Everything happens to a dressed figure before it is turned to lie, so that all else stays as it is on the whole twin.
Legend: x to the person's left, y to the back, z up, m.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from shoot.bodies import Bodies, Figure
from shoot.deformities import COPIES, Fault, bend_limb, shrink_limb, stretch_limb
from shoot.meshes import compact, unit
from shoot.poses import turn_about
from shoot.sewing import Garment
from shoot.skin import Part

Array = np.ndarray
_ROOTS = {"arm": "upperarm01", "leg": "upperleg01"}
_MIDDLES = {"arm": "lowerarm01", "leg": "lowerleg01"}
_ENDS = {"arm": "wrist", "leg": "foot"}
_LOWER = {"arm": ("lowerarm", "wrist", "finger", "metacarpal"), "leg": ("lowerleg", "foot", "toe")}
_UPPER = {"arm": "upperarm", "leg": "upperleg"}
_STUMP = {"arm": 0.06, "leg": 0.08, "head": 0.035}  # length that is left of a limb, m


def limb_weights(bodies: Bodies, part: str, side: str, *, lower: bool = False) -> Array:
    """Return the share of each vertex that moves with a limb, or with the part beyond its elbow or knee, (n,)."""
    if part == "head":
        parents, bones = list(bodies.model.bone_parents), bodies.bones
        above = [name == "head" for name in bones]
        for number, parent in enumerate(parents):  # parents come before their children
            above[number] |= parent >= 0 and above[int(parent)]
        return bodies.weights_of(np.array(above))
    names = _LOWER[part] if lower else (*_LOWER[part], _UPPER[part])
    return bodies.weights_of(np.array([name.startswith(names) and name.endswith(f".{side}") for name in bodies.bones]))


@dataclass(frozen=True)
class Dressed:
    """A figure with what it wears, garments with their layers."""

    figure: Figure
    shoes: Part
    garments: list[tuple[int, Garment]]


def deform(bodies: Bodies, dressed: Dressed, fault: Fault) -> Dressed:
    """Deform a figure and what it wears; of a limb that is copied, only what becomes of the original."""
    if fault.kind == "extra":
        return dressed
    figure, removed = dressed.figure, fault.kind not in ("long", "bent")
    root = fault.kind in COPIES or fault.whole
    weights = limb_weights(bodies, fault.part, fault.side, lower=not (removed and root))
    joint, way, length = _axis(bodies, figure.joints, fault.part, fault.side, root=removed and root)
    skin = figure.posed[bodies.skin_ids]
    tree, of_skin = cKDTree(skin), weights[bodies.skin_ids]

    def change(vertices: Array, shares: Array | None = None) -> Array:
        if shares is None:
            away, near = tree.query(vertices, k=4)
            closeness = 1 / (away + 1e-4)
            shares = (of_skin[near] * closeness).sum(1) / closeness.sum(1)
        if removed:
            return shrink_limb(vertices, shares, joint, way, _STUMP[fault.part])
        if fault.kind == "long":
            return stretch_limb(vertices, shares, joint, way, length, fault.amount)
        return bend_limb(vertices, shares, joint, fault)

    shoes = dressed.shoes
    if removed:
        kept = of_skin[tree.query(shoes.vertices[shoes.triangles].mean(1))[1]] < 0.5
        ids, tris = compact(shoes.triangles[kept])
        shoes = Part(shoes.vertices[ids], tris, shoes.colours[ids])
    else:
        shoes = replace(shoes, vertices=change(shoes.vertices))
    garments = [(layer, replace(worn, vertices=change(worn.vertices))) for layer, worn in dressed.garments]
    return Dressed(replace(figure, posed=change(figure.posed, weights)), shoes, garments)


def _joint(bodies: Bodies, joints: Array, name: str, side: str) -> Array:
    return joints[bodies.bones.index(f"{name}.{side}")]


def _axis(bodies: Bodies, joints: Array, part: str, side: str, *, root: bool) -> tuple[Array, Array, float]:
    """Return where a limb's chosen part begins, its direction, and its length, m."""
    if part == "head":
        neck, head = (joints[bodies.bones.index(name)] for name in ("neck02", "head"))
        return head, unit(head - neck), 0.2
    start, middle, end = (_joint(bodies, joints, names[part], side) for names in (_ROOTS, _MIDDLES, _ENDS))
    first, second = (start, middle) if root else (middle, end)
    return first, unit(second - first), float(np.linalg.norm(second - first))


def copy_transform(bodies: Bodies, figure: Figure, fault: Fault) -> tuple[Array, Array]:
    """Return rotation (3, 3) and shift (3,) of a limb that is shown at another place: v @ turn + shift for rows v."""
    side = 1 if fault.side == "L" else -1
    root = _joint(bodies, figure.joints, _ROOTS[fault.part], fault.side)
    if fault.kind == "detached":
        return np.eye(3), np.array([side * 0.17, 0, -0.02 if fault.part == "arm" else -0.16])
    to, angle = root, fault.amount
    if fault.kind == "misplaced":
        other = "leg" if fault.part == "arm" else "arm"
        to = _joint(bodies, figure.joints, _ROOTS[other], fault.side)
        angle = fault.amount if fault.part == "arm" else fault.amount + 50
    middle = _joint(bodies, figure.joints, _MIDDLES[fault.part], fault.side)
    out = np.degrees(np.arctan2(side * (middle - root)[0], -(middle - root)[2]))  # 0: down, 90: outward
    if fault.kind == "extra" and fault.part == "arm" and out > 60:
        angle = -angle
    turn = turn_about([0, 1, 0], -side * angle).T
    return turn, to - root @ turn


def copy_limb(bodies: Bodies, dressed: Dressed, fault: Fault) -> tuple[Dressed, Array]:
    """Copy a limb of a dressed figure to another place.

    Returns:
        The moved figure with the limb's clothes and shoe, and which vertices of its skin are no part of the limb.
    """
    figure, shoes = dressed.figure, dressed.shoes
    weights = limb_weights(bodies, fault.part, fault.side)[bodies.skin_ids]
    tree = cKDTree(figure.posed[bodies.skin_ids])
    turn, shift = copy_transform(bodies, figure, fault)

    def limb(vertices: Array, tris: Array) -> Array:
        return weights[tree.query(vertices[tris].mean(1))[1]] > 0.5

    clothes = []
    for layer, garment in dressed.garments:
        chosen = limb(garment.vertices, garment.triangles)
        if chosen.any():
            ids, tris = compact(garment.triangles[chosen])
            moved = garment.vertices[ids] @ turn + shift
            clothes.append((layer, replace(garment, vertices=moved, triangles=tris, corners=garment.corners[chosen])))
    ids, tris = compact(shoes.triangles[limb(shoes.vertices, shoes.triangles)])
    shoe = Part(shoes.vertices[ids] @ turn + shift, tris, shoes.colours[ids])
    return Dressed(replace(figure, posed=figure.posed @ turn + shift), shoe, clothes), weights < 0.35
