"""Pieces of cloth: parts of a helper mesh that are cut out by a scalar field."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from shoot.cuts import Cut
from shoot.landmarks import Landmarks

Array = np.ndarray
Field = Callable[[Array, Array], Array]  # rest positions (n, 3), arm weights (n,) → (n,)
LOWEST = 0.04  # tops are cut down to here below the hip joint, m, where the mesh still is a trunk, and then lengthened


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
        low = (marks.waist - self.rest[:, 2]) / (marks.waist - marks.hip + LOWEST * marks.size)
        return max(0.0, self.cut.hem - LOWEST) * marks.size * np.clip(low, 0, 1) * (self.arm < 0.3)


@dataclass(frozen=True)
class Draped:
    """A piece after it has fallen."""

    piece: Piece
    vertices: Array  # (n, 3), m
