"""Draw garments over the body of a scene's person, in the coordinates of `figure`."""

import numpy as np

from atelier.synthetic.fashion.figure import Figure, Layer
from atelier.synthetic.fashion.scene import Garment, Scene

_FABRIC = {
    "upper": (Layer.UPPER, Layer.UPPER_INK),
    "lower": (Layer.LOWER, Layer.LOWER_INK),
    "full": (Layer.FULL, Layer.FULL_INK),
}


def _draw_sleeves(figure: Figure, slot: str, garment: Garment) -> None:
    """Draw sleeves over the arms. Lengths are in arm sections: 0 none, 1 to the elbow, 2 to the wrist."""
    (fabric, ink), cut = _FABRIC[slot], garment.cut
    length, width = {
        "t-shirt": (0.5 + 0.25 * cut, 0.040),
        "shirt": (1.9, 0.040),
        "jacket": (1.65, 0.052),
        "dress": (0.0 if cut < 0.35 else 0.5 if cut < 0.7 else 1.8, 0.038),
    }[garment.kind]
    if length == 0:
        return
    scale = figure.frame.scale
    for side in (-1, 1):
        shoulder, elbow, wrist = figure.joints(side)
        upper = min(length, 1.0)
        end = (shoulder[0] + (elbow[0] - shoulder[0]) * upper, shoulder[1] + (elbow[1] - shoulder[1]) * upper)
        figure.limb(fabric, shoulder, end, (width + 0.012) * scale, width * scale)
        if length > 1:
            part = length - 1
            end = (elbow[0] + (wrist[0] - elbow[0]) * part, elbow[1] + (wrist[1] - elbow[1]) * part)
            figure.limb(fabric, elbow, end, width * scale, (width - 0.006) * scale)
            if garment.kind == "jacket":
                figure.disc(ink, end, (width - 0.012) * scale)  # a ribbed cuff


def _draw_top(figure: Figure, garment: Garment) -> None:
    fabric, ink = _FABRIC["upper"]
    hem = {"t-shirt": 0.47, "shirt": 0.455, "jacket": 0.53}[garment.kind] + 0.03 * garment.cut
    ease, waist = {"t-shirt": (0.0, 0.104), "shirt": (0.0, 0.1), "jacket": (0.022, 0.122)}[garment.kind]
    outline = (
        (-0.13 - ease, 0.175), (-0.05, 0.155), (0.05, 0.155), (0.13 + ease, 0.175), (0.112 + ease, 0.3),
        (waist + ease, 0.39), (0.122 + ease, hem), (-0.122 - ease, hem), (-waist - ease, 0.39),
        (-0.112 - ease, 0.3),
    )  # fmt: skip
    figure.polygon(fabric, [figure.at(x, y) for x, y in outline])
    back, scale = figure.scene.pose.view == "back", figure.frame.scale
    if garment.kind == "t-shirt":
        if not back:
            figure.disc(Layer.SKIN, figure.at(0, 0.155), 0.05 * scale, 0.026 * scale)
    elif garment.kind == "shirt" and back:  # the yoke and its pleat
        figure.line(ink, figure.at(-0.118, 0.225), figure.at(0.118, 0.225), 0.004)
        figure.line(ink, figure.at(0, 0.225), figure.at(0, hem - 0.005), 0.004)
    elif garment.kind == "shirt":
        figure.polygon(Layer.SKIN, [figure.at(x, y) for x, y in ((-0.032, 0.15), (0.032, 0.15), (0, 0.205))])
        figure.line(ink, figure.at(0, 0.205), figure.at(0, hem - 0.005), 0.004)
        figure.line(ink, figure.at(-0.05, 0.155), figure.at(-0.016, 0.205))
        figure.line(ink, figure.at(0.05, 0.155), figure.at(0.016, 0.205))
    else:
        half = 0.122 + ease
        rib = ((-half, hem - 0.028), (half, hem - 0.028), (half - 0.008, hem + 0.004), (0.008 - half, hem + 0.004))
        figure.polygon(ink, [figure.at(x, y) for x, y in rib])
        if back:
            figure.line(ink, figure.at(-0.05, 0.162), figure.at(0.05, 0.162), 0.014)
            return
        opening = ((-0.04, 0.152), (0.04, 0.152), (0.03, 0.3), (0.045, hem), (-0.045, hem), (-0.03, 0.3))
        figure.polygon(Layer.INNER, [figure.at(x, y) for x, y in opening])
        figure.line(ink, figure.at(-0.046, 0.152), figure.at(-0.034, 0.3), 0.008)
        figure.line(ink, figure.at(0.046, 0.152), figure.at(0.034, 0.3), 0.008)


def _draw_bottom(figure: Figure, garment: Garment) -> None:
    fabric, ink = _FABRIC["lower"]
    scale = figure.frame.scale
    if garment.kind == "skirt":
        hem, flare = 0.66 + 0.05 * garment.cut, 0.175 + 0.03 * garment.cut
        outline = ((-0.102, 0.42), (0.102, 0.42), (flare, hem), (-flare, hem))
        figure.polygon(fabric, [figure.at(x, y) for x, y in outline])
        return
    figure.polygon(fabric, [figure.at(x, y) for x, y in ((-0.104, 0.41), (0.104, 0.41), (0.118, 0.54), (-0.118, 0.54))])
    end = 0.935 if garment.kind == "trousers" else 0.60 + 0.03 * garment.cut
    for side in (-1, 1):
        hip = figure.at(side * 0.06, 0.52)
        if garment.kind == "trousers":
            knee, ankle = figure.at(side * 0.062, 0.73), figure.at(side * 0.066, end)
            figure.limb(fabric, hip, knee, 0.058 * scale, 0.049 * scale)
            figure.limb(fabric, knee, ankle, 0.049 * scale, 0.044 * scale)
        else:
            leg = [(0.004, 0.5), (0.12, 0.5), (0.13, end), (0.008, end)]
            figure.polygon(fabric, [figure.at(side * x, y) for x, y in leg])
    figure.line(ink, figure.at(0, 0.5), figure.at(0, 0.7 if garment.kind == "trousers" else 0.575), 0.004)


def _draw_dress(figure: Figure, garment: Garment) -> None:
    fabric, ink = _FABRIC["full"]
    hem, flare = 0.68 + 0.08 * garment.cut, 0.17 + 0.05 * garment.cut
    outline = (
        (-0.118, 0.17), (-0.055, 0.158), (0.055, 0.158), (0.118, 0.17), (0.108, 0.3), (0.09, 0.39), (flare, hem),
        (-flare, hem), (-0.09, 0.39), (-0.108, 0.3),
    )  # fmt: skip
    figure.polygon(fabric, [figure.at(x, y) for x, y in outline])
    figure.line(ink, figure.at(-0.088, 0.392), figure.at(0.088, 0.392), 0.005)
    if figure.scene.pose.view != "back":
        figure.disc(Layer.SKIN, figure.at(0, 0.155), 0.052 * figure.frame.scale, 0.034 * figure.frame.scale)


def draw_labels(scene: Scene, size: int) -> np.ndarray:
    """Draw a scene's person in clothes: uint8 (size × SUPERSAMPLE, size × SUPERSAMPLE) of `Layer` values."""
    figure, garments = Figure(scene, size), scene.garments
    figure.body()
    for slot, draw in (("lower", _draw_bottom), ("full", _draw_dress), ("upper", _draw_top)):
        if slot in garments:
            draw(figure, garments[slot])
    figure.arms()
    for slot in ("upper", "full"):
        if slot in garments:
            _draw_sleeves(figure, slot, garments[slot])
    figure.head()
    return np.asarray(figure.canvas)
