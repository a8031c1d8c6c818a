"""Shoes, made of the feet of the helper tights: swollen, smoothed, on a flat sole."""

import numpy as np

from shoot.bodies import Bodies, Figure
from shoot.landmarks import Landmarks
from shoot.meshes import clip, compact, normals, refine_quads, refine_triangles, smoothing, triangles
from shoot.skin import Part

Array = np.ndarray
_UPPERS = np.array(
    [[0.75, 0.75, 0.74], [0.015, 0.014, 0.014], [0.11, 0.055, 0.028], [0.05, 0.06, 0.10], [0.30, 0.22, 0.15]]
)
_ODDS = [0.28, 0.32, 0.2, 0.1, 0.1]
_SOLE = 0.022  # height of the sole, m
_WHITE_SOLE = np.array([0.7, 0.7, 0.68])


def make_shoes(bodies: Bodies, figure: Figure, seed: int) -> Part:
    """Make a pair of shoes or ankle boots."""
    rng = np.random.default_rng([seed, 6])
    marks = Landmarks.of(bodies, figure)
    ids, quads = compact(bodies.groups["helper-tights"][:, :, 0])
    matrix, quads = refine_quads(len(ids), quads)
    rest, posed = matrix @ figure.rest[ids], matrix @ figure.posed[ids]
    height = marks.ankle + rng.choice([-0.012, -0.005, 0.05, 0.10], p=[0.4, 0.3, 0.15, 0.15])
    field = height - rest[:, 2] + 0.35 * np.maximum(rest[:, 1] - 0.03, 0)
    matrix, tris = clip(len(rest), triangles(quads), np.where(np.abs(rest[:, 0]) > 0.35, -1.0, field))
    rest, posed = matrix @ rest, matrix @ posed
    smooth = smoothing(len(rest), tris)
    for _ in range(5):
        rest, posed = smooth @ rest, smooth @ posed
    matrix, finer = refine_triangles(len(posed), tris)
    vertices, sole = matrix @ (posed + normals(posed, tris) * 0.009), matrix @ rest[:, 2] < _SOLE
    upper = _UPPERS[rng.choice(len(_UPPERS), p=_ODDS)]
    under = _WHITE_SOLE if rng.random() < 0.5 else upper * 0.5
    return Part(vertices, finer, np.where(sole[:, None], under, upper))
