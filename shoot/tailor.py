"""Cut garments from the helper meshes, give them room, and drape them over the posed body."""

import numpy as np

from shoot.bodies import Bodies, Figure
from shoot.cuts import Cut
from shoot.drape import drape
from shoot.fit import give_room
from shoot.landmarks import Landmarks
from shoot.meshes import clip, compact, keep_large, refine_quads, split, triangles
from shoot.outlines import outlines
from shoot.pieces import Draped, Field, Piece

Array = np.ndarray
_SEAM = 0.5  # sleeves begin where the cloth moves by this share with an arm


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
        top_of_skirt = figure.rest[self._sources["helper-skirt"][0], 2].max()
        for style, source, field in outlines(cut, marks, top_of_skirt):
            piece = self._cut(cut, style, source, field, figure)
            cloth = give_room(piece, marks, thick, rng)
            draped.append(Draped(piece, drape(cloth, collider, thick)))
        return draped

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
