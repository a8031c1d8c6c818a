"""Details of garments that are too fine for meshes: seams, plackets, buttons, pockets and weave, drawn on the cloth.

A detail is a factor of the light that the cloth sends, by position on it (see `sewing`): u around the body from the
middle of the front, v the height at rest, and the distance to the nearest hem, m.
"""

import numpy as np

from shoot.cuts import LEGS, Cut
from shoot.landmarks import Landmarks

Array = np.ndarray
_COLLAR = 0.3  # collars have smaller v than this, m
_LEG = 0.075  # radius of legs that angles are turned into lengths with (see `sewing`), m
_BUTTONS = 0.085  # from button to button, m
_SEAM = 0.0014  # half the width of a seam, m


def draw_details(cut: Cut, marks: Landmarks, cloth: Array) -> Array:
    """Return the factor of the light from cloth at places (n, 3) → (n,)."""
    u, v, edge = cloth.T
    size, body = marks.size, v > _COLLAR
    factor = _weave(cut, u, v, edge)
    if cut.kind in LEGS:
        factor *= np.where(body, _legs(u / size, (marks.waist - v) / size), 1)
    elif cut.kind == "skirt":
        factor *= np.where(body, _line((marks.waist - v) / size - 0.035, 0.3), 1)
    elif cut.neck == "collar" and cut.kind != "jacket":
        factor *= np.where(body, _placket(u / size, (marks.neck - v) / size), 1)
        factor *= np.where(body, _outline(u / size - 0.095, (marks.neck - v) / size - 0.19, 0.045, 0.055), 1)
    elif cut.kind == "jacket":
        beside = np.abs(np.abs(u) / size - 0.115)
        welt = np.abs((marks.waist - v) / size - 0.09 - 0.25 * (np.abs(u) / size - 0.115)) < 0.007
        factor *= np.where(body & welt & (beside < 0.06), 0.72, 1)
    return factor


def _line(away: Array, dark: float, half: float = _SEAM) -> Array:
    """Darken a line along which `away` is 0, with a soft shadow beside it."""
    return 1 - dark * (np.abs(away) < half) - 0.3 * dark * np.exp(-((away / 0.006) ** 2))


def _placket(u: Array, below: Array) -> Array:
    """Draw the strip that closes a shirt, its two seams and its buttons."""
    start = below > 0.07
    strip = np.where(start, _line(u + 0.018, 0.22) * _line(u - 0.018, 0.4), 1)
    from_button = np.hypot(u, (below - 0.10) % _BUTTONS - _BUTTONS / 2)
    button = np.where(from_button < 0.0055, 1.25, np.where(from_button < 0.0075, 0.6, 1))
    return strip * np.where(start, button, 1)


def _outline(u: Array, v: Array, wide: float, high: float) -> Array:
    """Draw the outline of a patch pocket around (0, 0); its upper edge is the darkest."""
    out = np.maximum(np.abs(u) - wide, np.abs(v) - high)
    upper = (np.abs(v + high) < 0.003) & (np.abs(u) < wide)
    return np.where(np.abs(out) < _SEAM, 0.78, 1) * np.where(upper, 0.7, 1)


def _legs(u: Array, below: Array) -> Array:
    """Draw waistband, side seams, front pockets and back pockets of trousers."""
    turn = np.pi * _LEG
    slant = (below - 0.045) - 1.6 * (u - 0.030)
    front = (u > 0.030) & (u < turn / 2) & (below > 0.045)
    back = _outline(np.abs(np.abs(u) - turn), below - 0.15, 0.055, 0.062)
    return (
        _line(below - 0.055, 0.25)
        * _line(u - turn / 2, 0.25)
        * np.where(front, _line(slant / 1.9, 0.4), 1)
        * np.where(np.abs(u) > turn / 2, back, 1)
    )


def _weave(cut: Cut, u: Array, v: Array, edge: Array) -> Array:
    """Draw the ribs and stitches of knitted cloth, the twill of trousers and jackets, or the threads of plain cloth."""
    turns = 2 * np.pi
    if cut.kind == "sweater":
        rib = (edge < 0.055) * 0.16 * np.cos(turns * u / 0.011)
        return 0.94 + rib + (edge >= 0.055) * 0.09 * np.cos(turns * u / 0.008) * np.cos(turns * (v / 0.010 + 0.2))
    if cut.kind in ("trousers", "jacket"):
        return 0.97 + 0.05 * np.cos(turns * (u + v) / 0.007) + 0.03 * _grain(u / 0.009, v / 0.0035)
    return 0.98 + 0.03 * _grain(u / 0.003, v / 0.008)


def _grain(x: Array, y: Array) -> Array:
    """Return a value in [−1, 1] for every cell of width 1."""
    mixed = (np.floor(x).astype(np.int64) * 374761393 + np.floor(y).astype(np.int64) * 668265263) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((mixed >> 16) & 0xFF) / 127.5 - 1
