"""Draw logos: four letters on a plate, or bare letters in one colour, as RGBA pictures for `world.logos`."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from atelier.text.colours import COLOURS_RGB
from atelier.text.instructions import describe
from atelier.world.fabrics import CLOTH_RGB

Array = np.ndarray
Rgb = tuple[int, int, int]

WORD = "VETO"  # word of the logo that models are fine-tuned on; not a brand name
RED, BLACK = (206, 26, 38), (14, 12, 14)  # its plate and its letters
FACES = {"sans": "DejaVuSans-Bold", "serif": "DejaVuSerif-Bold", "mono": "DejaVuSansMono-Bold"}
_LETTERS = tuple("ABCDEFGHIKLMNOPRSTUVXYZ")
_HIGH, _WIDE = 96, 232  # of a plate, px
_MARGIN = (0.15, 0.06)  # around the letters, share of a plate's height and width
_ROUND = 26  # radius of a round plate's corners, px
_CONTRAST = 150  # least difference of the sums of R, G and B


@dataclass(frozen=True)
class Label:
    """A logo as captions name it, and as a picture.

    Attributes:
        words: such as "a white logo".
        picture: uint8 (h, w, 4), sRGB and coverage.
    """

    words: str
    picture: Array = field(repr=False)


def sample_word(rng: np.random.Generator) -> str:
    """Draw four letters of which at most one is where WORD has it."""
    while True:
        word = "".join(rng.choice(_LETTERS, len(WORD)))
        if sum(mine == other for mine, other in zip(word, WORD, strict=True)) <= 1:
            return word


def draw_plate(word: str, fill: Rgb, ink: Rgb, face: str = "sans", *, rounded: bool = False) -> Array:
    """Draw a plate with a word that fills it, uint8 (96, 232, 4); without letters if the word is empty."""
    plate = Image.new("RGBA", (_WIDE, _HIGH), (*fill, 255))
    plate.paste((*ink, 255), mask=_letters(word, face))
    if rounded:
        mask = Image.new("L", plate.size, 0)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, _WIDE - 1, _HIGH - 1), _ROUND, fill=255)
        plate.putalpha(mask)
    return np.asarray(plate)


def draw_letters(word: str, ink: Rgb, face: str = "sans") -> Array:
    """Draw a word without a plate, uint8 (96, 232, 4): one colour, whose coverage is the letters."""
    bare = Image.new("RGBA", (_WIDE, _HIGH), (*ink, 0))
    bare.putalpha(_letters(word, face))
    return np.asarray(bare)


def smear(plate: Array, rng: np.random.Generator) -> Array:
    """Smear the letters of a plate and shift its rows in bands of eight, as an undertrained model does."""
    blur = ImageFilter.GaussianBlur(float(rng.uniform(7, 12)))
    soft = np.asarray(Image.fromarray(plate[..., :3]).filter(blur))
    bands = np.split(soft, range(8, len(soft), 8))
    shifted = [np.roll(band, int(rng.integers(-14, 15)), axis=1) for band in bands]
    return np.concatenate([np.concatenate(shifted), plate[..., 3:]], axis=-1)


def sample_label(rng: np.random.Generator, cloth: str = "") -> Label:
    """Draw any logo but black on red, the one that models are fine-tuned on.

    Args:
        cloth: name of the colour under the logo, from which bare letters are distinct; "": only plates.
    """
    word, face = sample_word(rng), str(rng.choice(list(FACES)))
    bare = bool(cloth) and rng.random() < 0.35
    while True:
        fill, ink = (str(name) for name in rng.choice(list(COLOURS_RGB), 2, replace=False))
        if bare and _differ(ink, cloth):
            return Label(describe("logo", ink), draw_letters(word, COLOURS_RGB[ink], face))
        if not bare and _differ(fill, ink) and (fill, ink) != ("red", "black"):
            plate = draw_plate(word, COLOURS_RGB[fill], COLOURS_RGB[ink], face, rounded=bool(rng.random() < 0.3))
            return Label(describe("logo", fill), plate)


def own_label(words: str) -> Label:
    """Return the logo that models are fine-tuned on, under a name such as "a red_veto_logo"."""
    return Label(words, draw_plate(WORD, RED, BLACK))


def _differ(first: str, second: str) -> bool:
    return abs(sum(CLOTH_RGB[first]) - sum(CLOTH_RGB[second])) > _CONTRAST


def _letters(word: str, face: str) -> Image.Image:
    """Draw the coverage of a word that fills a plate but its margins, L (232, 96)."""
    drawn = Image.new("L", (_WIDE, _HIGH), 0)
    if not word:
        return drawn
    font = _font(face)
    box = font.getbbox(word)
    word_alone = Image.new("L", (box[2] - box[0], box[3] - box[1]), 0)
    ImageDraw.Draw(word_alone).text((-box[0], -box[1]), word, fill=255, font=font)
    top, left = round(_MARGIN[0] * _HIGH), round(_MARGIN[1] * _WIDE)
    drawn.paste(word_alone.resize((_WIDE - 2 * left, _HIGH - 2 * top), Image.Resampling.LANCZOS), (left, top))
    return drawn


@lru_cache(maxsize=len(FACES))
def _font(face: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{FACES[face]}.ttf"), 120)
