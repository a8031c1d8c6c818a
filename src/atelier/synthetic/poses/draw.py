"""Draw a body: the colour of every pixel, and the body part that it shows.

Coordinates: body coordinates as in `body`; picture coordinates in picture sides, y down. Everything is drawn
into one map of `_Ink` values, SUPERSAMPLE times as large, so that colours and parts agree.
"""

import math
from enum import IntEnum

import numpy as np
from PIL import Image, ImageDraw

from atelier.synthetic.poses.body import HEAD, HIP, NECK, SHOULDER, Body, Limb, Point
from atelier.synthetic.poses.looks import Look
from atelier.synthetic.poses.places import paint_place
from atelier.text.colours import COLOURS_RGB

SUPERSAMPLE = 4
PARTS = ("background", "head", "torso", "arm", "leg")
HALF_WIDTHS = {"arm": (0.046, 0.040), "leg": (0.060, 0.050)}  # at the root, and at wrist or ankle
SCALE = {"upright": 0.88, "lying": 0.90}  # body height in picture sides
_SHADE = 0.82  # brightness of a limb's fabric relative to the torso's, so that an arm in front of the chest is visible


class _Ink(IntEnum):
    """What a sub-pixel shows; the tens are its index in PARTS."""

    BACKGROUND = 0
    HAIR = 10
    FACE = 11
    EYES = 12
    NECK = 13
    TOP = 20
    BOTTOM = 21
    SLEEVE = 30
    HAND = 31
    TROUSER = 40
    SHIN = 41
    SHOE = 42


class _Canvas:
    """Draws shapes in body coordinates into a map of side `size` × SUPERSAMPLE."""

    def __init__(self, body: Body, size: int, offset: Point) -> None:
        self.pixels = size * SUPERSAMPLE
        self.map = Image.new("L", (self.pixels, self.pixels), _Ink.BACKGROUND)
        self.draw = ImageDraw.Draw(self.map)
        self.scale = SCALE["lying" if body.pose == "lying" else "upright"]
        self.build, self.offset = body.build, offset
        self.cosine, self.sine = math.cos(math.radians(body.turn)), math.sin(math.radians(body.turn))

    def at(self, point: Point) -> Point:
        """Convert body coordinates to sub-pixels, rotated about the body's middle, (0, 0.5)."""
        x, y = point[0] * self.build * self.scale, (point[1] - 0.5) * self.scale
        across, down = x * self.cosine - y * self.sine, x * self.sine + y * self.cosine
        return (across + 0.5 + self.offset[0]) * self.pixels, (down + 0.5 + self.offset[1]) * self.pixels

    def polygon(self, ink: _Ink, points: list[Point]) -> None:
        self.draw.polygon([self.at(point) for point in points], fill=int(ink))

    def disc(self, ink: _Ink, centre: Point, rx: float, ry: float | None = None) -> None:
        ry = rx if ry is None else ry
        angles = np.linspace(0, 2 * math.pi, 28, endpoint=False)
        self.polygon(ink, [(centre[0] + rx * math.cos(a), centre[1] + ry * math.sin(a)) for a in angles])

    def stroke(self, ink: _Ink, start: Point, end: Point, first: float, last: float) -> None:
        """Draw a tapering stroke with round ends; `first` and `last` are its half widths."""
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = math.hypot(dx, dy) or 1.0
        nx, ny = -dy / length, dx / length
        corners = [(start, first), (end, last), (end, -last), (start, -first)]
        self.polygon(ink, [(x + nx * half, y + ny * half) for (x, y), half in corners])
        self.disc(ink, start, first)
        self.disc(ink, end, last)


def _towards(start: Point, end: Point, share: float) -> Point:
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _limb(canvas: _Canvas, limb: Limb, look: Look) -> None:
    """Draw a limb, then the fabric over it: to the elbow or knee, or almost to its end."""
    root, middle, end = limb.joints
    wide, narrow = HALF_WIDTHS[limb.part]
    half, arm = (wide + narrow) / 2, limb.part == "arm"
    bare, cloth = (_Ink.HAND, _Ink.SLEEVE) if arm else (_Ink.SHIN, _Ink.TROUSER)
    canvas.stroke(bare, middle, end, half, narrow)
    canvas.disc(_Ink.HAND if arm else _Ink.SHOE, end, narrow + 0.008)
    canvas.stroke(cloth, root, middle, wide, half)
    if (look.top if arm else look.bottom) in ("sweater", "trousers"):
        canvas.stroke(cloth, middle, _towards(middle, end, 0.78), half, narrow)


def _torso(canvas: _Canvas) -> None:
    (shoulder, top), (hip, low) = SHOULDER, HIP
    wide, hem = shoulder + 0.02, hip + 0.058
    outline = [(-wide, top - 0.02), (-0.05, top - 0.045), (0.05, top - 0.045), (wide, top - 0.02)]
    waist = [(0.105, 0.38), (hem, 0.47), (-hem, 0.47), (-0.105, 0.38)]
    canvas.polygon(_Ink.TOP, outline + waist)
    canvas.polygon(_Ink.BOTTOM, [(-hem, 0.455), (hem, 0.455), (hem, low + 0.025), (-hem, low + 0.025)])


def _head(canvas: _Canvas, head: Point, look: Look) -> None:
    x, y = head
    neck = (x - HEAD[0] + NECK[0], y - HEAD[1] + NECK[1])
    canvas.stroke(_Ink.NECK, head, neck, 0.042, 0.042)
    if look.gender == "woman":
        canvas.polygon(_Ink.HAIR, [(x - 0.088, y), (x + 0.088, y), (x + 0.098, y + 0.12), (x - 0.098, y + 0.12)])
        canvas.stroke(_Ink.NECK, head, neck, 0.042, 0.042)
    canvas.disc(_Ink.HAIR, (x, y - 0.01), 0.086, 0.086)
    canvas.disc(_Ink.FACE, (x, y + 0.018), 0.064, 0.068)
    for side in (-1, 1):
        canvas.disc(_Ink.EYES, (x + side * 0.027, y + 0.012), 0.013)


def _colours(look: Look) -> dict[_Ink, tuple[float, ...]]:
    """Return the colour of each ink, RGB in [0, 255]."""
    top, bottom = COLOURS_RGB[look.top_colour], COLOURS_RGB[look.bottom_colour]
    skin = dict.fromkeys((_Ink.FACE, _Ink.NECK, _Ink.HAND, _Ink.SHIN), look.skin)
    limbs = {_Ink.SLEEVE: tuple(v * _SHADE for v in top), _Ink.TROUSER: tuple(v * _SHADE for v in bottom)}
    own = {_Ink.HAIR: look.hair, _Ink.EYES: (24, 24, 28), _Ink.TOP: top, _Ink.BOTTOM: bottom, _Ink.SHOE: (58, 50, 52)}
    return skin | limbs | own


def draw_mannequin(
    body: Body, look: Look, *, size: int = 64, offset: Point = (0.0, 0.0)
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a picture, uint8 (size, size, 3), and its map of parts, uint8 (size, size), indices in PARTS.

    Args:
        offset: of the body's middle from the picture's, in picture sides.
    """
    canvas = _Canvas(body, size, offset)
    for limb in (limb for limb in body.limbs if limb.part == "leg"):
        _limb(canvas, limb, look)
    _torso(canvas)
    for limb in (limb for limb in body.limbs if limb.part == "arm"):
        _limb(canvas, limb, look)
    _head(canvas, body.head, look)
    inks = np.asarray(canvas.map)
    painted = np.repeat(np.repeat(paint_place(look, body.pose == "lying", size), SUPERSAMPLE, 0), SUPERSAMPLE, 1)
    for ink, colour in _colours(look).items():
        painted[inks == ink] = colour
    cells = painted.reshape(size, SUPERSAMPLE, size, SUPERSAMPLE, 3).mean((1, 3))
    shares = (inks // 10).reshape(size, SUPERSAMPLE, size, SUPERSAMPLE)
    counts = np.stack([(shares == part).sum((1, 3)) for part in range(len(PARTS))])
    return np.clip(cells + 0.5, 0, 255).astype(np.uint8), counts.argmax(0).astype(np.uint8)
