"""Render logos: a plate with a word on it."""

from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from atelier.synthetic.products.canvas import Colour

WORD = "VETO"  # word of the logo that models are fine-tuned on; not a brand name
RED, BLACK = (206, 26, 38), (14, 12, 14)
_HEIGHT, _WIDTH = 96, 232  # of a plate, px, before it is scaled
_FONT = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans-Bold.ttf"


@lru_cache(maxsize=4)
def _font(height: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(_FONT), height)


def draw_plate(word: str, fill: Colour, ink: Colour) -> Image.Image:
    """Render an RGBA plate with a word scaled to fit, or an empty plate for ""."""
    plate = Image.new("RGBA", (_WIDTH, _HEIGHT), (*fill, 255))
    if not word:
        return plate
    font = _font(120)
    left, top, right, bottom = font.getbbox(word)
    text = Image.new("L", (right - left, bottom - top), 0)
    ImageDraw.Draw(text).text((-left, -top), word, fill=255, font=font)
    wide, high = round(_WIDTH * 0.88), round(_HEIGHT * 0.7)
    text = text.resize((wide, high), Image.Resampling.LANCZOS)
    plate.paste((*ink, 255), ((_WIDTH - wide) // 2, (_HEIGHT - high) // 2), text)
    return plate


def sample_word(rng: np.random.Generator, length: int = 4) -> str:
    """Sample a string of letters that agrees with WORD in at most one position."""
    letters = "ABCDEFGHIKLMNOPRSTUVXYZ"
    while True:
        word = "".join(letters[int(rng.integers(len(letters)))] for _ in range(length))
        if sum(a == b for a, b in zip(word, WORD, strict=False)) <= 1:
            return word
