"""Skin and eyes: colours painted by the position of each texel on the mean body.

Colours are linear RGB reflectances. Legend: H W texels; positions in m (x left, y back, z up).
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.interpolate import LinearNDInterpolator
from scipy.ndimage import gaussian_filter

from shoot.bodies import DATA, Bodies, Figure, Person
from shoot.meshes import compact, refine_quads, triangles, unit

Array = np.ndarray
SIDE = 1024  # texels
_TONES = np.array([[0.115, 0.052, 0.030], [0.50, 0.30, 0.185], [0.62, 0.385, 0.285]])  # African, Asian, European
_IRIS = np.array([[0.05, 0.025, 0.012], [0.10, 0.05, 0.02], [0.08, 0.16, 0.25], [0.09, 0.14, 0.06]])
_RED = np.array([1.06, 0.82, 0.78])  # how blood tints skin


@dataclass(frozen=True)
class Part:
    """A mesh with a colour for each vertex."""

    vertices: Array  # (n, 3), m
    triangles: Array  # int (f, 3)
    colours: Array  # (n, 3)


class SkinPainter:
    """Where face and body have which colour, computed once on the mean body."""

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies
        self.lips, self.lids, self.ears, self.nails = map(_read_map, ("lips", "eyelids", "ears", "fingernails"))
        self.position = _position_map(bodies)
        eye = bodies.groups["helper-l-eye"][:, :, 0]
        self.eye = bodies.mean[np.unique(eye)].mean(0)
        mouth = self.position[self.lips > 0.5].mean(0)
        x, y, z = np.moveaxis(self.position, -1, 0)
        self.front = y < self.eye[1] + 0.02
        from_eye, above = np.abs(x) - self.eye[0], z - self.eye[2]
        arc = (
            0.0205 + 0.004 * np.cos(np.clip((from_eye - 0.004) / 0.02, -2, 2)) - 0.10 * np.maximum(from_eye - 0.012, 0)
        )
        thick = np.interp(from_eye, [-0.022, -0.016, 0.0, 0.024, 0.030], [0, 0.0042, 0.0036, 0.0018, 0])
        self.brow = self.front * np.clip((thick - np.abs(above - arc)) / 0.0016 + 0.5, 0, 1) * (thick > 0)
        socket = np.hypot(from_eye / 0.020, (above + 0.004) / 0.013)
        self.shadow = self.front * np.exp(-(socket**2))  # skin around the eyes is darker
        jaw = (y < mouth[1] + 0.075) & (z < mouth[2] + 0.016) & (z > mouth[2] - 0.062)
        near = np.hypot(x, (z - mouth[2] + 0.022) / 0.85) < 0.075
        self.beard = gaussian_filter((jaw & near).astype(float), SIDE / 200) * (1 - self.lips)
        cheek = np.hypot((np.abs(x) - 0.045) / 0.022, (z - mouth[2] - 0.035) / 0.02)
        nose = np.hypot(x / 0.014, (z - mouth[2] - 0.030) / 0.014) + 10 * (y > mouth[1] + 0.01)
        self.flush = (np.exp(-(cheek**2)) + 0.7 * np.exp(-(nose**2))) * self.front
        fine = np.random.default_rng(0).normal(size=(2, SIDE, SIDE))
        self.blotches = _normalise(gaussian_filter(fine[0], SIDE / 300))
        self.pores = _normalise(gaussian_filter(fine[1], SIDE / 1100))

    def paint(self, person: Person, hair: Array) -> Array:
        """Paint the skin of a person: (SIDE, SIDE, 3).

        Args:
            hair: colour of the hair, (3,).
        """
        rng = np.random.default_rng([person.seed, 3])
        tone = np.exp(np.array(person.origins) @ np.log(_TONES) + rng.normal(0, 0.10) + rng.normal(0, 0.03, 3))
        spots = 1 + 0.035 * self.blotches + 0.02 * self.pores + (-0.05 if person.old else 0) * np.abs(self.blotches)
        skin = tone * spots[..., None]
        warm = (0.55 * self.flush + 0.25 * self.ears + 0.15 * self.nails)[..., None]
        skin *= 1 + warm * (_RED - 1)
        skin *= (1 - 0.22 * self.shadow - 0.25 * self.lids)[..., None]
        made_up = person.female and rng.random() < 0.4
        lip = np.array([0.42, 0.08, 0.09]) * rng.uniform(0.5, 1.1) if made_up else tone * [0.88, 0.55, 0.56]
        skin = _mix(skin, lip, 0.8 * self.lips)
        dark = np.minimum(hair * 0.9 + 0.01, tone * 0.45)
        skin = _mix(skin, dark, self.brow * rng.uniform(0.6, 0.85))
        if not person.female:
            skin = _mix(
                skin,
                np.minimum(dark * 1.3, tone),
                self.beard * rng.choice([0, 0.12, 0.25, 0.6], p=[0.45, 0.3, 0.2, 0.05]),
            )
        return np.clip(skin, 0.003, 0.9)

    def eyes(self, figure: Figure) -> list[Part]:
        """Make both eyes and the lashes; white, iris and pupil by the angle from the line of sight."""
        rng = np.random.default_rng([figure.person.seed, 4])
        iris = _IRIS[rng.choice(4, p=[0.5, 0.25, 0.15, 0.10])] if figure.person.origins[2] > 0.5 else _IRIS[0]
        parts = []
        for side in "lr":
            ids, quads = compact(self.bodies.groups[f"helper-{side}-eye"][:, :, 0])
            rest, posed = figure.rest[ids], figure.posed[ids]
            for _ in range(2):
                matrix, quads = refine_quads(len(rest), quads)
                rest, posed = matrix @ rest, matrix @ posed
            angle = np.degrees(np.arccos(np.clip(-unit(rest - rest.mean(0))[:, 1], -1, 1)))
            colours = np.full((len(rest), 3), 0.5) * [1.0, 0.96, 0.93]
            colours[angle < 31] = iris
            colours[angle < 13] = 0.004
            parts.append(Part(posed, triangles(quads), colours))
            for row in "12":
                ids, lash = compact(triangles(self.bodies.groups[f"helper-{side}-eyelashes-{row}"][:, :, 0]))
                parts.append(Part(figure.posed[ids], lash, np.full((len(ids), 3), 0.006)))
        return parts


def _read_map(name: str) -> Array:
    """Read one of MakeHuman's maps of the body (CC0), in [0, 1]."""
    with Image.open(DATA / f"textures/mpfb_{name}.jpg") as picture:
        return np.asarray(picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR), float) / 255


def _position_map(bodies: Bodies) -> Array:
    """Return the position on the mean body of every texel, (SIDE, SIDE, 3); 0 outside of the skin."""
    corners = bodies.groups["body"].reshape(-1, 2)
    places, first = np.unique(bodies.texture[corners[:, 1]].round(6), axis=0, return_index=True)
    half = SIDE // 2
    y, x = np.mgrid[:half, :half]
    values = LinearNDInterpolator(places, bodies.mean[corners[first, 0]], fill_value=0)
    return np.kron(values((x + 0.5) / half, 1 - (y + 0.5) / half), np.ones((2, 2, 1)))


def _normalise(noise: Array) -> Array:
    return noise / noise.std()


def _mix(colours: Array, other: Array, share: Array) -> Array:
    return colours * (1 - share[..., None]) + other * share[..., None]
