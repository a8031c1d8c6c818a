"""A supersampled canvas with local coordinates."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

SUPERSAMPLE = 6

Point = tuple[float, float]
Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]  # x1, y1, x2, y2


class Canvas:
    """Draws shapes in the coordinates of a frame: (0, 0) is its middle, ±1 its extent, x to the right, y down."""

    def __init__(self, size: int, backdrop: np.ndarray) -> None:
        """Start a picture of side `size` px with a background, (size, size, 3) in [0, 255]."""
        self.size, self.pixels = size, size * SUPERSAMPLE
        small = Image.fromarray(np.clip(backdrop, 0, 255).astype(np.uint8))
        self.picture = small.resize((self.pixels, self.pixels), Image.Resampling.NEAREST)
        self.draw = ImageDraw.Draw(self.picture)
        self.frame(0.5, 0.5, 0.5, 0.0)

    def frame(self, x: float, y: float, reach: float, degrees: float) -> None:
        """Set the frame of the following shapes: centre (x, y) and extent in picture sides, rotated clockwise."""
        self.middle, self.reach, self.turn = (x, y), reach, math.radians(degrees)

    def at(self, point: Point) -> Point:
        """Convert frame coordinates to pixels of the supersampled picture."""
        (x, y), cosine, sine = point, math.cos(self.turn), math.sin(self.turn)
        across, down = x * cosine - y * sine, x * sine + y * cosine
        return (
            (self.middle[0] + across * self.reach) * self.pixels,
            (self.middle[1] + down * self.reach) * self.pixels,
        )

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        self.draw.polygon([self.at(point) for point in points], fill=fill)

    def disc(self, centre: Point, rx: float, fill: Colour, ry: float | None = None) -> None:
        """Draw an ellipse, rotated with the frame."""
        ry, angles = rx if ry is None else ry, np.linspace(0, 2 * np.pi, 40, endpoint=False)
        self.polygon([(centre[0] + rx * math.cos(a), centre[1] + ry * math.sin(a)) for a in angles], fill)

    def line(self, start: Point, end: Point, width: float, fill: Colour) -> None:
        """Draw a line with square ends."""
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = math.hypot(dx, dy) or 1.0
        nx, ny = -dy / length * width / 2, dx / length * width / 2
        corners = [(start[0] + nx, start[1] + ny), (end[0] + nx, end[1] + ny)]
        self.polygon([*corners, (end[0] - nx, end[1] - ny), (start[0] - nx, start[1] - ny)], fill)

    def paste(self, patch: Image.Image, centre: Point, width: float) -> Box:
        """Paste an RGBA patch, rotated with the frame; return its box (x1, y1, x2, y2) in px of the final picture."""
        wide = max(1, round(width * self.reach * self.pixels))
        sized = patch.resize((wide, max(1, round(wide * patch.height / patch.width))), Image.Resampling.LANCZOS)
        turned = sized.rotate(-math.degrees(self.turn), Image.Resampling.BICUBIC, expand=True)
        x, y = self.at(centre)
        left, top = round(x - turned.width / 2), round(y - turned.height / 2)
        self.picture.paste(turned, (left, top), turned)
        found = (left, top, left + turned.width, top + turned.height)
        return tuple(min(max(value / SUPERSAMPLE, 0.0), float(self.size)) for value in found)

    def finish(self, light: np.ndarray | float = 1.0) -> np.ndarray:
        """Return the picture at its final size, times an illumination that may vary over it: uint8 (size, size, 3)."""
        small = np.asarray(self.picture.reduce(SUPERSAMPLE), np.float32)
        return np.clip(small * light + 0.5, 0, 255).astype(np.uint8)


def shade(colour: Colour, factor: float) -> Colour:
    """Return a darker (factor below 1) or lighter colour."""
    return tuple(min(255, max(0, round(value * factor))) for value in colour)
