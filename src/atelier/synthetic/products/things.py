"""Objects of product photographs: clothes laid flat, a hat, a bag, a mug, a bear, a bottle, a billboard.

Each part of an object has its own colour, so that the same shape gives a plain product or a unique one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from atelier.synthetic.products.canvas import Canvas, Colour, Point, shade

Paints = Mapping[str, Colour]


@dataclass(frozen=True)
class Thing:
    """How to draw an object, and where its logo is placed."""

    draw: Callable[[Canvas, Paints], None]
    parts: Mapping[str, float]  # part → its brightness relative to the colour of a plain object
    plate: Point = (0.0, 0.0)  # centre of the logo
    width: float = 1.0  # largest width of the logo
    spot: str = "on it"  # name of that place in a prompt


def plain(thing: Thing, colour: Colour) -> dict[str, Colour]:
    """Return the colours of the parts of an object of one colour."""
    return {part: shade(colour, factor) for part, factor in thing.parts.items()}


def _shirt(canvas: Canvas, paints: Paints, sleeve: tuple[Point, Point, Point]) -> None:
    cloth, trim = paints["cloth"], paints["trim"]
    outer, cuff, inner = sleeve
    for side in (-1, 1):
        arm = [(0.34, -0.8), outer, cuff, inner, (0.5, -0.2)]
        canvas.polygon([(side * x, y) for x, y in arm], shade(cloth, 0.93))
        canvas.line((side * cuff[0], cuff[1]), (side * inner[0], inner[1]), 0.07, trim)
    body = [(-0.36, -0.82), (-0.2, -0.88), (0.2, -0.88), (0.36, -0.82), (0.58, -0.5), (0.54, 0.9), (-0.54, 0.9),
            (-0.58, -0.5)]  # fmt: skip
    canvas.polygon(body, cloth)
    canvas.line((-0.54, 0.87), (0.54, 0.87), 0.07, trim)
    canvas.disc((0, -0.88), 0.2, trim, 0.13)


def draw_t_shirt(canvas: Canvas, paints: Paints) -> None:
    _shirt(canvas, paints, ((0.98, -0.42), (0.86, -0.12), (0.56, -0.28)))


def draw_sweater(canvas: Canvas, paints: Paints) -> None:
    _shirt(canvas, paints, ((0.9, -0.3), (0.98, 0.74), (0.72, 0.78)))


def draw_shorts(canvas: Canvas, paints: Paints) -> None:
    legs = [(-0.62, -0.7), (0.62, -0.7), (0.86, 0.76), (0.1, 0.8), (0, -0.02), (-0.1, 0.8), (-0.86, 0.76)]
    canvas.polygon(legs, paints["cloth"])
    canvas.polygon([(-0.64, -0.86), (0.64, -0.86), (0.62, -0.62), (-0.62, -0.62)], paints["trim"])
    canvas.line((0, -0.6), (0, 0.0), 0.04, paints["trim"])


def draw_hat(canvas: Canvas, paints: Paints) -> None:
    canvas.disc((0, 0.08), 0.72, paints["crown"], 0.82)
    canvas.polygon([(-0.8, 0.12), (0.8, 0.12), (0.8, 0.95), (-0.8, 0.95)], paints["crown"])
    if "checks" in paints:
        for row in range(3):
            for column in range(-3, 3):
                if (row + column) % 2 == 0:
                    x, y = column * 0.24, -0.5 + row * 0.24
                    canvas.polygon([(x, y), (x + 0.24, y), (x + 0.24, y + 0.24), (x, y + 0.24)], paints["checks"])
    canvas.polygon([(-0.86, 0.5), (0.86, 0.5), (0.86, 0.9), (-0.86, 0.9)], paints["brim"])
    canvas.disc((0, -0.78), 0.2, paints["button"])


def draw_bag(canvas: Canvas, paints: Paints) -> None:
    for side in (-1, 1):
        canvas.line((side * 0.42, -0.3), (side * 0.26, -0.86), 0.12, paints["handle"])
    canvas.line((-0.3, -0.86), (0.3, -0.86), 0.12, paints["handle"])
    canvas.polygon([(-0.76, -0.4), (0.76, -0.4), (0.88, 0.86), (-0.88, 0.86)], paints["body"])
    canvas.polygon([(-0.77, -0.44), (0.77, -0.44), (0.8, -0.16), (-0.8, -0.16)], paints["flap"])
    if "stripe" in paints:
        canvas.polygon([(-0.85, 0.42), (0.85, 0.42), (0.87, 0.66), (-0.87, 0.66)], paints["stripe"])
        for x in (-0.36, 0.36):
            canvas.disc((x, 0.14), 0.17, paints["stripe"])


def draw_mug(canvas: Canvas, paints: Paints) -> None:
    canvas.disc((0.66, 0.1), 0.34, paints["handle"], 0.42)
    canvas.disc((0.64, 0.1), 0.18, paints["inside"], 0.26)
    canvas.polygon([(-0.66, -0.62), (0.62, -0.62), (0.56, 0.84), (-0.6, 0.84)], paints["body"])
    canvas.disc((-0.02, -0.62), 0.64, paints["inside"], 0.16)
    if "rings" in paints:
        for y in (-0.22, 0.5):
            canvas.polygon([(-0.64, y), (0.6, y), (0.59, y + 0.2), (-0.63, y + 0.2)], paints["rings"])
        canvas.polygon([(-0.63, 0.08), (0.59, 0.08), (0.58, 0.32), (-0.62, 0.32)], paints["belt"])


def draw_bear(canvas: Canvas, paints: Paints) -> None:
    for side, ear in ((-1, "left ear"), (1, "right ear")):
        canvas.disc((side * 0.4, -0.76), 0.22, paints[ear])
        canvas.disc((side * 0.66, 0.16), 0.2, paints["limbs"], 0.3)
        canvas.disc((side * 0.42, 0.8), 0.28, paints["limbs"], 0.22)
    canvas.disc((0, 0.3), 0.58, paints["body"], 0.6)
    canvas.disc((0, -0.42), 0.5, paints["body"], 0.46)
    canvas.disc((0, 0.34), 0.36, paints["belly"], 0.38)
    canvas.disc((0, -0.3), 0.2, paints["belly"], 0.16)
    for side in (-1, 1):
        canvas.disc((side * 0.2, -0.52), 0.07, (24, 22, 26))
    canvas.disc((0, -0.36), 0.08, (24, 22, 26), 0.06)


def draw_bottle(canvas: Canvas, paints: Paints) -> None:
    canvas.polygon([(-0.24, -0.92), (0.24, -0.92), (0.24, -0.6), (-0.24, -0.6)], paints["cap"])
    canvas.polygon([(-0.12, -0.62), (0.12, -0.62), (0.12, -0.42), (-0.12, -0.42)], (206, 206, 210))
    canvas.polygon(
        [(-0.5, -0.46), (0.5, -0.46), (0.66, -0.3), (0.66, 0.92), (-0.66, 0.92), (-0.66, -0.3)], paints["glass"]
    )
    canvas.polygon([(-0.56, -0.26), (-0.46, -0.26), (-0.46, 0.8), (-0.56, 0.8)], shade(paints["glass"], 1.35))


def draw_billboard(canvas: Canvas, paints: Paints) -> None:
    for x in (-0.5, 0.5):
        canvas.line((x, 0.3), (x, 1.6), 0.12, (84, 84, 90))
    canvas.polygon([(-1.0, -0.62), (1.0, -0.62), (1.0, 0.54), (-1.0, 0.54)], paints["frame"])
    canvas.polygon([(-0.92, -0.54), (0.92, -0.54), (0.92, 0.46), (-0.92, 0.46)], paints["board"])


THINGS: dict[str, Thing] = {
    "t-shirt": Thing(draw_t_shirt, {"cloth": 1.0, "trim": 0.8}, (0, -0.2), 1.08, "on the chest"),
    "sweater": Thing(draw_sweater, {"cloth": 1.0, "trim": 0.72}, (0, -0.2), 1.08, "on the chest"),
    "shorts": Thing(draw_shorts, {"cloth": 1.0, "trim": 0.75}, (0, -0.36), 1.2),
    "hat": Thing(draw_hat, {"crown": 1.0, "brim": 0.8, "button": 0.7}, (0, 0.05), 1.32, "on the front"),
    "bag": Thing(draw_bag, {"body": 1.0, "flap": 0.84, "handle": 0.7}, (0, 0.3), 1.46),
    "mug": Thing(draw_mug, {"body": 1.0, "handle": 0.85, "inside": 0.5}, (0, 0.2), 1.0),
    "bear": Thing(draw_bear, {"body": 1.0, "limbs": 0.86, "belly": 1.3, "left ear": 0.86, "right ear": 0.86}),
    "perfume": Thing(draw_bottle, {"glass": 1.0, "cap": 0.6}, (0, 0.28), 1.24),
    "billboard": Thing(draw_billboard, {"board": 1.0, "frame": 0.5}, (0, -0.04), 1.66),
}
