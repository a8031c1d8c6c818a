"""Render the background of a person: a studio's paper roll, or a cluttered street."""

import numpy as np
from PIL import Image, ImageDraw

from atelier.synthetic.fashion.scene import Backdrop
from atelier.text.colours import COLOURS_RGB

_PAPERS = ((222, 222, 222), (206, 210, 216), (228, 222, 214), (196, 196, 198), (236, 236, 238), (214, 204, 200))


def paint_backdrop(backdrop: Backdrop, size: int) -> np.ndarray:
    """Render a background: float32 (size, size, 3) in [0, 255]."""
    rng = np.random.default_rng(backdrop.seed)
    painted = _studio(rng, size) if backdrop.domain == "studio" else _street(rng, size, backdrop.echo)
    if backdrop.bars:
        width = max(1, round(backdrop.bars * size))
        painted[:, :width] = painted[:, -width:] = 12.0
    return painted


def _studio(rng: np.random.Generator, size: int) -> np.ndarray:
    paper = np.asarray(_PAPERS[int(rng.integers(len(_PAPERS)))], np.float32)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    glow = 1.04 - 0.22 * ((x - rng.uniform(0.4, 0.6)) ** 2 + (y - rng.uniform(0.3, 0.6)) ** 2)
    floor = np.where(y > rng.uniform(0.86, 0.94), 0.93, 1.0)
    return np.minimum(paper * (glow * floor)[..., None], 255)


def _street(rng: np.random.Generator, size: int, echo: str | None) -> np.ndarray:
    wall, ground = rng.uniform(70, 215, 3), rng.uniform(50, 170, 3)
    scale = size * 2
    picture = Image.new("RGB", (scale, scale), tuple(int(v) for v in wall))
    draw = ImageDraw.Draw(picture)
    horizon = rng.uniform(0.68, 0.86) * scale
    draw.rectangle((0, horizon, scale, scale), fill=tuple(int(v) for v in ground))
    for index in range(int(rng.integers(4, 9))):
        fill = tuple(int(v) for v in rng.uniform(30, 235, 3))
        if echo is not None and index < 2:
            fill = COLOURS_RGB[echo]
        x, y = rng.uniform(-0.1, 1.0) * scale, rng.uniform(-0.1, 0.8) * scale
        w, h = rng.uniform(0.08, 0.36, 2) * scale
        shape = rng.random()
        if shape < 0.55:
            draw.rectangle((x, y, x + w, y + h), fill=fill)
        elif shape < 0.75:
            draw.ellipse((x, y, x + w, y + w), fill=fill)
        else:
            for bar in range(5):
                draw.rectangle((x + bar * w / 5, y, x + bar * w / 5 + w / 11, y + h), fill=fill)
    return np.asarray(picture.reduce(2), dtype=np.float32)
