"""Contact sheet of one photo edited from several seeds."""

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from atelier.images.contact_sheet import FONT_SIZE, GAP, HEADER, INK, PAPER_COLOUR

LONGEST = 512  # maximum side of an image on the sheet, px


def draw_seed_sheet(source: np.ndarray, seeds: Sequence[int], edits: Iterable[np.ndarray]) -> np.ndarray:
    """Draw the photo and its edits, labelled by seed, in a roughly square grid: uint8 (H, W, 3).

    Args:
        source: uint8 (H, W, 3), any size; scaled down to LONGEST, never up.
        edits: an edited image of the source's size for each seed; held one at a time.
    """
    labels = ["source", *(f"seed {seed}" for seed in seeds)]
    scale = min(1.0, LONGEST / max(source.shape[:2]))
    width, height = (max(1, round(side * scale)) for side in (source.shape[1], source.shape[0]))
    font = ImageFont.load_default(FONT_SIZE)
    across = max(width, *(math.ceil(font.getlength(label)) for label in labels)) + GAP
    down = HEADER + height + GAP
    columns = min(len(labels), max(1, round(math.sqrt(len(labels) * down / across))))
    rows = math.ceil(len(labels) / columns)
    sheet = Image.new("RGB", (GAP + columns * across, rows * down), PAPER_COLOUR)
    draw = ImageDraw.Draw(sheet)
    for index, (label, pixels) in enumerate(zip(labels, itertools.chain([source], edits), strict=True)):
        row, column = divmod(index, columns)
        left, top = GAP + column * across, row * down
        draw.text((left + (across - GAP) // 2, top + HEADER // 2), label, INK, font, anchor="mm")
        picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)
        sheet.paste(picture, (left + (across - GAP - width) // 2, top + HEADER))
    return np.asarray(sheet)
