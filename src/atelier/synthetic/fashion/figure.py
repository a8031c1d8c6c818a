"""Draw the body of a scene's person as polygons into one label map, back to front, so that each pixel has one layer.

Coordinates: x and y in picture heights, y down. Body lengths are shares of the body's height.
"""

import math
from enum import IntEnum

from PIL import Image, ImageDraw

from atelier.synthetic.fashion.scene import Scene

SUPERSAMPLE = 4

Point = tuple[float, float]


class Layer(IntEnum):
    """Layer of a pixel. INK marks seams, buttons and collars: darker fabric."""

    BACKGROUND = 0
    HAIR = 1
    SKIN = 2
    FACE = 3
    EYES = 4
    MOUTH = 5
    SHOES = 6
    INNER = 7
    UPPER = 8
    UPPER_INK = 9
    LOWER = 10
    LOWER_INK = 11
    FULL = 12
    FULL_INK = 13


_TORSO = (
    (-0.118, 0.175), (-0.04, 0.155), (0.04, 0.155), (0.118, 0.175), (0.095, 0.39), (0.108, 0.53), (-0.108, 0.53),
    (-0.095, 0.39),
)  # fmt: skip
_FRINGE = (
    (-0.066, -0.02), (-0.03, -0.045), (0.01, -0.03), (0.05, -0.046), (0.066, -0.02), (0.05, -0.075), (-0.05, -0.075),
)  # fmt: skip


class Figure:
    """A person in a pose, drawn into a label map of side `size` × SUPERSAMPLE."""

    def __init__(self, scene: Scene, size: int) -> None:
        self.scene, self.pixels = scene, size * SUPERSAMPLE
        self.canvas = Image.new("L", (self.pixels, self.pixels), Layer.BACKGROUND)
        self.draw = ImageDraw.Draw(self.canvas)
        self.frame = scene.framing
        self.width = scene.person.build * (0.80 if scene.pose.view == "side" else 1.0)

    def at(self, x: float, y: float) -> Point:
        """Convert body coordinates (x from the middle, y from the top of the head) to picture coordinates."""
        lean = self.scene.pose.lean * (0.5 - y) * 2
        return (self.frame.centre + (x * self.width + lean) * self.frame.scale, self.frame.top + y * self.frame.scale)

    def polygon(self, layer: Layer, points: list[Point]) -> None:
        self.draw.polygon([(x * self.pixels, y * self.pixels) for x, y in points], fill=int(layer))

    def disc(self, layer: Layer, centre: Point, rx: float, ry: float | None = None) -> None:
        (x, y), ry = centre, rx if ry is None else ry
        box = (x - rx, y - ry, x + rx, y + ry)
        self.draw.ellipse([value * self.pixels for value in box], fill=int(layer))

    def limb(self, layer: Layer, start: Point, end: Point, first: float, last: float) -> None:
        """Draw a tapering limb with round ends; `first` and `last` are its half widths."""
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = math.hypot(dx, dy) or 1.0
        nx, ny = -dy / length, dx / length
        self.polygon(
            layer,
            [
                (start[0] + nx * first, start[1] + ny * first),
                (end[0] + nx * last, end[1] + ny * last),
                (end[0] - nx * last, end[1] - ny * last),
                (start[0] - nx * first, start[1] - ny * first),
            ],
        )
        self.disc(layer, start, first)
        self.disc(layer, end, last)

    def line(self, layer: Layer, start: Point, end: Point, width: float = 0.006) -> None:
        self.limb(layer, start, end, width * self.frame.scale, width * self.frame.scale)

    def joints(self, side: int) -> tuple[Point, Point, Point]:
        """Return shoulder, elbow and wrist of the left (−1) or right (+1) arm."""
        upper, fore = self.scene.pose.arms[:2] if side < 0 else self.scene.pose.arms[2:]
        shoulder = self.at(side * 0.118, 0.192)
        points = [shoulder]
        for angle, length in ((upper, 0.155), (fore, 0.15)):
            radians = math.radians(angle)
            x, y = points[-1]
            reach = length * self.frame.scale
            points.append((x + side * math.sin(radians) * reach, y + math.cos(radians) * reach))
        return points[0], points[1], points[2]

    def body(self) -> None:
        scale = self.frame.scale
        if self.scene.person.hair_style == "long":
            fall = ((-0.085, 0.06), (0.085, 0.06), (0.1, 0.25), (-0.1, 0.25))
            self.polygon(Layer.HAIR, [self.at(x, y) for x, y in fall])
        for side in (-1, 1):
            hip, knee, ankle = self.at(side * 0.052, 0.5), self.at(side * 0.058, 0.73), self.at(side * 0.06, 0.95)
            self.limb(Layer.SKIN, hip, knee, 0.05 * scale, 0.038 * scale)
            self.limb(Layer.SKIN, knee, ankle, 0.038 * scale, 0.026 * scale)
            self.disc(Layer.SHOES, self.at(side * 0.068, 0.975), 0.042 * scale, 0.022 * scale)
        self.polygon(Layer.SKIN, [self.at(x, y) for x, y in _TORSO])
        self.polygon(Layer.SKIN, [self.at(x, y) for x, y in ((-0.034, 0.1), (0.034, 0.1), (0.04, 0.18), (-0.04, 0.18))])

    def arms(self) -> None:
        for side in (-1, 1):
            shoulder, elbow, wrist = self.joints(side)
            scale = self.frame.scale
            self.limb(Layer.SKIN, shoulder, elbow, 0.034 * scale, 0.029 * scale)
            self.limb(Layer.SKIN, elbow, wrist, 0.029 * scale, 0.022 * scale)
            self.disc(Layer.SKIN, wrist, 0.028 * scale)

    def head(self) -> None:
        scale, (x, y) = self.frame.scale, self.at(0, 0.078)
        back = self.scene.pose.view == "back"
        style = self.scene.person.hair_style
        if style == "bun":
            self.disc(Layer.HAIR, (x, y - 0.085 * scale), 0.034 * scale)
        self.disc(Layer.HAIR, (x, y - 0.008 * scale), 0.072 * scale, 0.078 * scale)
        if back:
            return
        turn = 0.018 * scale if self.scene.pose.view == "side" else 0.0
        self.disc(Layer.FACE, (x + turn, y + 0.012 * scale), 0.056 * scale, 0.064 * scale)
        self.polygon(Layer.HAIR, [(x + turn * 0.5 + a * scale, y + b * scale) for a, b in _FRINGE])
        for side in (-1, 1):
            eye = (x + turn * 1.4 + side * 0.022 * scale, y + 0.008 * scale)
            self.disc(Layer.EYES, eye, 0.0085 * scale, 0.011 * scale)
        self.disc(Layer.MOUTH, (x + turn * 1.4, y + 0.045 * scale), 0.015 * scale, 0.006 * scale)
