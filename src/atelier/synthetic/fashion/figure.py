"""The drawing: a scene's layers as polygons into one label map, in painter's order, so that every pixel has one owner.

Coordinates: x and y in picture heights, y down. Body lengths are shares of the body's height.
"""

import math
from enum import IntEnum

import numpy as np
from PIL import Image, ImageDraw

from atelier.synthetic.fashion.scene import Garment, Scene

SUPERSAMPLE = 4

Point = tuple[float, float]


class Layer(IntEnum):
    """Owner of a pixel. INK marks seams, buttons and collars: fabric, darker."""

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


_FABRIC = {
    "upper": (Layer.UPPER, Layer.UPPER_INK),
    "lower": (Layer.LOWER, Layer.LOWER_INK),
    "full": (Layer.FULL, Layer.FULL_INK),
}


_TORSO = (
    (-0.118, 0.175), (-0.04, 0.155), (0.04, 0.155), (0.118, 0.175), (0.095, 0.39), (0.108, 0.53), (-0.108, 0.53),
    (-0.095, 0.39),
)  # fmt: skip
_FRINGE = (
    (-0.066, -0.02), (-0.03, -0.045), (0.01, -0.03), (0.05, -0.046), (0.066, -0.02), (0.05, -0.075), (-0.05, -0.075),
)  # fmt: skip


class _Figure:
    """A body in a pose, drawn onto a label map of side `size` × SUPERSAMPLE."""

    def __init__(self, scene: Scene, size: int) -> None:
        self.scene, self.pixels = scene, size * SUPERSAMPLE
        self.canvas = Image.new("L", (self.pixels, self.pixels), Layer.BACKGROUND)
        self.draw = ImageDraw.Draw(self.canvas)
        self.frame = scene.framing
        self.width = scene.person.build * (0.80 if scene.pose.view == "side" else 1.0)

    def at(self, x: float, y: float) -> Point:
        """Body coordinates (x from the middle, y from the top of the head) → picture coordinates."""
        lean = self.scene.pose.lean * (0.5 - y) * 2
        return (self.frame.centre + (x * self.width + lean) * self.frame.scale, self.frame.top + y * self.frame.scale)

    def polygon(self, layer: Layer, points: list[Point]) -> None:
        self.draw.polygon([(x * self.pixels, y * self.pixels) for x, y in points], fill=int(layer))

    def disc(self, layer: Layer, centre: Point, rx: float, ry: float | None = None) -> None:
        (x, y), ry = centre, rx if ry is None else ry
        box = (x - rx, y - ry, x + rx, y + ry)
        self.draw.ellipse([value * self.pixels for value in box], fill=int(layer))

    def limb(self, layer: Layer, start: Point, end: Point, first: float, last: float) -> None:
        """A tapering limb with round ends; `first` and `last` are its half widths."""
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
        """Shoulder, elbow and wrist of the left (−1) or right (+1) arm."""
        upper, fore = self.scene.pose.arms[:2] if side < 0 else self.scene.pose.arms[2:]
        shoulder = self.at(side * 0.118, 0.192)
        points = [shoulder]
        for angle, length in ((upper, 0.155), (fore, 0.15)):
            radians = math.radians(angle)
            x, y = points[-1]
            reach = length * self.frame.scale
            points.append((x + side * math.sin(radians) * reach, y + math.cos(radians) * reach))
        return points[0], points[1], points[2]

    # --- the body ---------------------------------------------------------------------------------------------

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

    # --- the clothes ------------------------------------------------------------------------------------------

    def sleeves(self, slot: str, garment: Garment) -> None:
        """Over the arms; their length counts arm sections (0 none, 1 to the elbow, 2 to the wrist)."""
        (fabric, ink), cut = _FABRIC[slot], garment.cut
        length, width = {
            "t-shirt": (0.5 + 0.25 * cut, 0.040),
            "shirt": (1.9, 0.040),
            "jacket": (1.65, 0.052),
            "dress": (0.0 if cut < 0.35 else 0.5 if cut < 0.7 else 1.8, 0.038),
        }[garment.kind]
        if length == 0:
            return
        scale = self.frame.scale
        for side in (-1, 1):
            shoulder, elbow, wrist = self.joints(side)
            upper = min(length, 1.0)
            end = (shoulder[0] + (elbow[0] - shoulder[0]) * upper, shoulder[1] + (elbow[1] - shoulder[1]) * upper)
            self.limb(fabric, shoulder, end, (width + 0.012) * scale, width * scale)
            if length > 1:
                part = length - 1
                end = (elbow[0] + (wrist[0] - elbow[0]) * part, elbow[1] + (wrist[1] - elbow[1]) * part)
                self.limb(fabric, elbow, end, width * scale, (width - 0.006) * scale)
                if garment.kind == "jacket":
                    self.disc(ink, end, (width - 0.012) * scale)  # a ribbed cuff

    def top(self, garment: Garment) -> None:
        fabric, ink = _FABRIC["upper"]
        hem = {"t-shirt": 0.47, "shirt": 0.455, "jacket": 0.53}[garment.kind] + 0.03 * garment.cut
        ease, waist = {"t-shirt": (0.0, 0.104), "shirt": (0.0, 0.1), "jacket": (0.022, 0.122)}[garment.kind]
        outline = (
            (-0.13 - ease, 0.175), (-0.05, 0.155), (0.05, 0.155), (0.13 + ease, 0.175), (0.112 + ease, 0.3),
            (waist + ease, 0.39), (0.122 + ease, hem), (-0.122 - ease, hem), (-waist - ease, 0.39),
            (-0.112 - ease, 0.3),
        )  # fmt: skip
        self.polygon(fabric, [self.at(x, y) for x, y in outline])
        back, scale = self.scene.pose.view == "back", self.frame.scale
        if garment.kind == "t-shirt":
            if not back:
                self.disc(Layer.SKIN, self.at(0, 0.155), 0.05 * scale, 0.026 * scale)
        elif garment.kind == "shirt" and back:  # the yoke and its pleat
            self.line(ink, self.at(-0.118, 0.225), self.at(0.118, 0.225), 0.004)
            self.line(ink, self.at(0, 0.225), self.at(0, hem - 0.005), 0.004)
        elif garment.kind == "shirt":
            self.polygon(Layer.SKIN, [self.at(x, y) for x, y in ((-0.032, 0.15), (0.032, 0.15), (0, 0.205))])
            self.line(ink, self.at(0, 0.205), self.at(0, hem - 0.005), 0.004)
            self.line(ink, self.at(-0.05, 0.155), self.at(-0.016, 0.205))
            self.line(ink, self.at(0.05, 0.155), self.at(0.016, 0.205))
        else:
            half = 0.122 + ease
            rib = ((-half, hem - 0.028), (half, hem - 0.028), (half - 0.008, hem + 0.004), (0.008 - half, hem + 0.004))
            self.polygon(ink, [self.at(x, y) for x, y in rib])
            if back:
                self.line(ink, self.at(-0.05, 0.162), self.at(0.05, 0.162), 0.014)
                return
            opening = ((-0.04, 0.152), (0.04, 0.152), (0.03, 0.3), (0.045, hem), (-0.045, hem), (-0.03, 0.3))
            self.polygon(Layer.INNER, [self.at(x, y) for x, y in opening])
            self.line(ink, self.at(-0.046, 0.152), self.at(-0.034, 0.3), 0.008)
            self.line(ink, self.at(0.046, 0.152), self.at(0.034, 0.3), 0.008)

    def bottom(self, garment: Garment) -> None:
        fabric, ink = _FABRIC["lower"]
        scale = self.frame.scale
        if garment.kind == "skirt":
            hem, flare = 0.66 + 0.05 * garment.cut, 0.175 + 0.03 * garment.cut
            outline = ((-0.102, 0.42), (0.102, 0.42), (flare, hem), (-flare, hem))
            self.polygon(fabric, [self.at(x, y) for x, y in outline])
            return
        self.polygon(fabric, [self.at(x, y) for x, y in ((-0.104, 0.41), (0.104, 0.41), (0.118, 0.54), (-0.118, 0.54))])
        end = 0.935 if garment.kind == "trousers" else 0.60 + 0.03 * garment.cut
        for side in (-1, 1):
            hip = self.at(side * 0.06, 0.52)
            if garment.kind == "trousers":
                knee, ankle = self.at(side * 0.062, 0.73), self.at(side * 0.066, end)
                self.limb(fabric, hip, knee, 0.058 * scale, 0.049 * scale)
                self.limb(fabric, knee, ankle, 0.049 * scale, 0.044 * scale)
            else:
                leg = [(0.004, 0.5), (0.12, 0.5), (0.13, end), (0.008, end)]
                self.polygon(fabric, [self.at(side * x, y) for x, y in leg])
        self.line(ink, self.at(0, 0.5), self.at(0, 0.7 if garment.kind == "trousers" else 0.575), 0.004)

    def dress(self, garment: Garment) -> None:
        fabric, ink = _FABRIC["full"]
        hem, flare = 0.68 + 0.08 * garment.cut, 0.17 + 0.05 * garment.cut
        outline = (
            (-0.118, 0.17), (-0.055, 0.158), (0.055, 0.158), (0.118, 0.17), (0.108, 0.3), (0.09, 0.39), (flare, hem),
            (-flare, hem), (-0.09, 0.39), (-0.108, 0.3),
        )  # fmt: skip
        self.polygon(fabric, [self.at(x, y) for x, y in outline])
        self.line(ink, self.at(-0.088, 0.392), self.at(0.088, 0.392), 0.005)
        if self.scene.pose.view != "back":
            self.disc(Layer.SKIN, self.at(0, 0.155), 0.052 * self.frame.scale, 0.034 * self.frame.scale)


def draw_labels(scene: Scene, size: int) -> np.ndarray:
    """The owner of every sub-pixel: uint8 (size × SUPERSAMPLE)² of `Layer` values."""
    figure, garments = _Figure(scene, size), scene.garments
    figure.body()
    if "lower" in garments:
        figure.bottom(garments["lower"])
    if "full" in garments:
        figure.dress(garments["full"])
    if "upper" in garments:
        figure.top(garments["upper"])
    figure.arms()
    for slot in ("upper", "full"):
        if slot in garments:
            figure.sleeves(slot, garments[slot])
    figure.head()
    return np.asarray(figure.canvas)
