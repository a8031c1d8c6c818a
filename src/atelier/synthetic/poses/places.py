"""Render the background of a person: ground and sky, or ground alone under a lying person seen from above."""

import numpy as np

from atelier.synthetic.poses.looks import Look

_GROUNDS = {"grass": (104, 158, 74), "street": (128, 128, 132), "beach": (226, 206, 158), "studio": (214, 212, 210)}
_BEHIND = {"grass": (186, 216, 236), "street": (176, 164, 152), "beach": (128, 196, 214), "studio": (228, 226, 224)}
_GRAIN = {"grass": 4.0, "street": 2.0, "beach": 2.0, "studio": 0.0}
HORIZON = 0.72  # of the picture's height


def paint_place(look: Look, from_above: bool, size: int) -> np.ndarray:
    """Render a background: float32 (size, size, 3) in [0, 255], flat colours with 2-px grain seeded by the look."""
    rng = np.random.default_rng(look.backdrop)
    ground = np.asarray(_GROUNDS[look.place], np.float32) + rng.uniform(-10, 10)
    half = (size + 1) // 2
    grain = np.repeat(np.repeat(rng.normal(0, _GRAIN[look.place], (half, half, 1)), 2, 0), 2, 1)[:size, :size]
    painted = np.broadcast_to(ground, (size, size, 3)) + grain
    if from_above:
        if look.place == "street":  # road marking
            at = int(rng.uniform(0.04, 0.12) * size)
            painted[at : at + max(1, size // 32)] = (226, 222, 206)
        return painted.astype(np.float32)
    behind = np.asarray(_BEHIND[look.place], np.float32) + rng.uniform(-8, 8)
    horizon = int((HORIZON + rng.uniform(-0.03, 0.03)) * size)
    painted[:horizon] = behind
    return painted.astype(np.float32)
