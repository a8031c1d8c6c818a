"""Faults for which a shot is not kept: hands in cloth, and garments or changes of a cut that are hardly seen."""

import numpy as np
from scipy.spatial import cKDTree

from shoot.bodies import Bodies, Figure
from shoot.expose import Layers
from shoot.meshes import normals
from shoot.sewing import Garment

Array = np.ndarray
_NEAR, _DEEP = 0.025, 0.004  # how near a finger is to cloth, and how deep in it, m
_SUNK = 0.12  # share of the vertices of a hand's fingers
_HARDLY, _UNCHANGED = 0.012, 0.004  # shares of the picture


def hands_in_cloth(bodies: Bodies, figure: Figure, garments: list[tuple[int, Garment]]) -> bool:
    """Tell whether the fingers of a hand are inside of cloth."""
    vertices = np.vstack([garment.vertices for _, garment in garments])
    outward = np.vstack([normals(garment.vertices, garment.triangles) for _, garment in garments])
    tree = cKDTree(vertices)
    for side in "LR":
        fingers = figure.posed[_fingers_of(bodies, side)]
        distance, nearest = tree.query(fingers)
        depth = ((vertices[nearest] - fingers) * outward[nearest]).sum(1)
        if ((depth > _DEEP) & (distance < _NEAR)).mean() > _SUNK:
            return True
    return False


def hardly_seen(layers: Layers, garments: int) -> bool:
    """Tell whether one of the garments covers next to nothing of the picture."""
    return bool((layers.alpha[..., :garments].mean((0, 1)) < _HARDLY).any())


def hardly_changed(layers: Layers, alpha: Array) -> bool:
    """Tell whether a twin covers nearly the same pixels as its original.

    Args:
        alpha: the original's coverage, (H, W, LAYERS).
    """
    return bool(np.abs(layers.alpha - alpha).max(-1).mean() < _UNCHANGED)


def _fingers_of(bodies: Bodies, side: str) -> Array:
    """Return the skin's vertices that a hand's fingers move."""
    bones = np.array([name.startswith("finger") and name.endswith(side) for name in bodies.bones])
    weights, owners = bodies.model.vertex_bone_weights.numpy(), bodies.model.vertex_bone_indices.numpy()
    moved = (weights * bones[owners]).sum(1) > 0.5
    return bodies.skin_ids[moved[bodies.skin_ids]]
