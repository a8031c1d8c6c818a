"""Draw contact sheets: one row per edit, its pictures side by side.

Legend: H W pixels. Pictures are uint8 (H, W, 3).
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

CELL = 128  # side of a picture on the sheet, px
GAP = 6
TEXT_WIDTH = 150
HEADER = 22
FONT_SIZE = 13
PAPER_COLOUR, INK, FAINT = (255, 255, 255), (24, 24, 24), (236, 236, 236)
TIGHT_TINT, CONTEXT_TINT = (40, 170, 90), (240, 200, 60)
QUALITIES = (90, 80, 70, 60, 50, 40, 30, 20, 10)  # of JPEG, from the best on


@dataclass(frozen=True)
class SheetRow:
    """One row: lines of text, then a picture per column; None leaves the cell empty."""

    lines: Sequence[str]
    pictures: Sequence[np.ndarray | None]


def contact_sheet(columns: Sequence[str], rows: Sequence[SheetRow]) -> np.ndarray:
    """Draw rows under the headings of the columns: uint8 (H, W, 3).

    Raises:
        ValueError: the number of pictures in a row differs from the number of columns.
    """
    width = GAP + TEXT_WIDTH + len(columns) * (CELL + GAP)
    sheet = Image.new("RGB", (width, HEADER + len(rows) * (CELL + GAP)), PAPER_COLOUR)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_SIZE)
    for index, heading in enumerate(columns):
        draw.text((_left(index) + CELL // 2, HEADER // 2), heading, INK, font, anchor="mm")
    for row_index, row in enumerate(rows):
        if len(row.pictures) != len(columns):
            raise ValueError(f"row {row_index}: {len(row.pictures)} images for {len(columns)} columns")
        top = HEADER + row_index * (CELL + GAP)
        text = "\n".join(piece for line in row.lines for piece in _wrap(line, font))
        draw.multiline_text((GAP, top), text, INK, font, spacing=3)
        for index, picture in enumerate(row.pictures):
            box = (_left(index), top, _left(index) + CELL - 1, top + CELL - 1)
            if picture is None:
                draw.rectangle(box, FAINT)
            else:
                sheet.paste(_fit(picture), box[:2])
    return np.asarray(sheet)


def contact_sheet_beside(columns: Sequence[str], rows: Sequence[SheetRow], beside: int) -> np.ndarray:
    """Draw rows as `contact_sheet` does, in several parts of equal height beside each other, in reading order down."""
    height = -(-len(rows) // beside)
    parts = [contact_sheet(columns, rows[start : start + height]) for start in range(0, len(rows), height)]
    tallest = max(part.shape[0] for part in parts)
    padded = [np.pad(part, ((0, tallest - len(part)), (0, 0), (0, 0)), constant_values=255) for part in parts]
    return np.concatenate(padded, axis=1)


def spaced(count: int, most: int) -> list[int]:
    """Return the places of at most `most` of `count` rows, evenly spaced, the first and the last one included."""
    return np.linspace(0, count - 1, min(most, count)).round().astype(int).tolist()


def encode_jpeg(pixels: np.ndarray, most: int) -> bytes:
    """Encode a sheet as JPEG, with the best of QUALITIES that needs at most `most` bytes, or else the last."""
    data = b""
    for quality in QUALITIES:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, optimize=True)
        data = buffer.getvalue()
        if len(data) <= most:
            break
    return data


def draw_change(source: np.ndarray, edited: np.ndarray, gain: float = 2.0) -> np.ndarray:
    """Draw |edited − source| (mean over channels, times `gain`) as a heat map: black is 0, then red, yellow, white."""
    change = np.abs(edited.astype(float) - source.astype(float)).mean(-1) / 255
    ramp = np.clip(change * gain, 0, 1)[..., None] * 3 - np.arange(3)
    return (np.clip(ramp, 0, 1) * 255).round().astype(np.uint8)


def draw_zones(source: np.ndarray, tight: np.ndarray, box: Sequence[float]) -> np.ndarray:
    """Draw the trimap over the faded source: tight zone green, context yellow, background untinted.

    Args:
        tight: bool (H, W).
        box: [x1, y1, x2, y2] in px.
    """
    columns, rows = (np.arange(size) + 0.5 for size in (source.shape[1], source.shape[0]))
    inside = ((rows > box[1]) & (rows < box[3]))[:, None] & ((columns > box[0]) & (columns < box[2]))[None, :]
    grey = source.astype(float).mean(-1, keepdims=True) * 0.5 + 110
    tinted = np.repeat(grey, 3, axis=-1)
    for zone, tint in ((inside & ~tight, CONTEXT_TINT), (tight, TIGHT_TINT)):
        tinted[zone] = tinted[zone] * 0.5 + np.array(tint) * 0.5
    return tinted.clip(0, 255).round().astype(np.uint8)


def _left(column: int) -> int:
    return GAP + TEXT_WIDTH + column * (CELL + GAP)


def _fit(picture: np.ndarray) -> Image.Image:
    """Resize to the cell: small pictures with nearest neighbour, large ones by averaging."""
    enlarge = picture.shape[0] <= CELL
    return Image.fromarray(picture).resize((CELL, CELL), Image.Resampling.NEAREST if enlarge else Image.Resampling.BOX)


def _wrap(line: str, font: ImageFont.FreeTypeFont) -> list[str]:
    """Break a line at spaces so that each piece fits the text column."""
    pieces = [""]
    for word in line.split(" "):
        longer = f"{pieces[-1]} {word}".strip()
        if pieces[-1] and font.getlength(longer) > TEXT_WIDTH - GAP:
            pieces.append(word)
        else:
            pieces[-1] = longer
    return pieces
