"""Fabrics by name: the lexicon's colours as they are in pictures, and its prints with their further colours.

A colour here is nearest (ΔE2000, CIELAB) to its own of all the lexicon's names. Of names whose values no cloth has
("lime" is #aaff32 in the survey) it is the least saturated colour that keeps its distance from other names.
"""

from functools import lru_cache

import numpy as np

from atelier.text.colours import ACCENTS, COLOURS_RGB
from atelier.text.lexicon import LAB
from atelier.world.compose import Fabric, Rgb
from atelier.world.prints import PRINTS, SIDE, tiles

PATTERNS = ("solid", *dict.fromkeys(drawn.pattern for drawn in PRINTS.values()))  # of the lexicon
CLOTH_RGB: dict[str, Rgb] = COLOURS_RGB | {
    "grey": (146, 149, 145),
    "charcoal": (52, 56, 55),
    "silver": (197, 201, 199),
    "navy": (22, 35, 78),
    "denim blue": (59, 91, 146),
    "royal blue": (16, 18, 164),
    "sky blue": (117, 187, 244),
    "turquoise": (6, 194, 172),
    "teal": (2, 147, 134),
    "mint": (147, 241, 165),
    "olive": (110, 117, 14),
    "sage": (135, 174, 115),
    "lime": (181, 244, 91),
    "khaki": (170, 166, 98),
    "beige": (230, 218, 166),
    "cream": (252, 252, 186),
    "off-white": (239, 239, 212),
    "tan": (209, 178, 111),
    "camel": (198, 159, 89),
    "taupe": (185, 162, 129),
    "nude": (252, 213, 174),
    "chocolate": (69, 35, 13),
    "rust": (157, 70, 31),
    "burgundy": (97, 0, 35),
    "coral": (233, 107, 94),
    "peach": (244, 176, 124),
    "hot pink": (236, 62, 139),
    "rose": (207, 98, 117),
    "mauve": (174, 113, 129),
    "lavender": (199, 159, 239),
    "violet": (149, 46, 213),
    "plum": (88, 15, 65),
    "mustard": (206, 179, 12),
    "gold": (219, 180, 24),
}
_DARK, _PALE, _HEART, _WINE = (30, 28, 32), (245, 240, 232), (236, 176, 40), (150, 40, 60)
_BROWN, _NAVY = (84, 58, 44), (44, 62, 112)
_LIGHT, _DIM = 62.0, 30.0  # L* from which accents are dark, and up to which blacks become pale
_FURS = ("leopard", "zebra", "animal", "snake")


def styles_of(pattern: str) -> tuple[str, ...]:
    """Return the names of the prints that are drawn for a pattern; the first is the usual one. Solid: none."""
    return tuple(name for name, drawn in PRINTS.items() if drawn.pattern == pattern)


@lru_cache(4096)
def make_fabric(colour: str, pattern: str = "solid", style: str = "", grid: float = 0.0) -> Fabric:
    """Return the fabric of a colour and a pattern of the lexicon.

    Args:
        style: one of `styles_of(pattern)`; "": the usual one.
        grid: step of a print on the picture's grid, as a share of its side; 0: the print follows the cloth.

    Raises:
        ValueError: the colour or the pattern has no fabric, or the pattern has no such style.
    """
    if colour not in CLOTH_RGB:
        raise ValueError(f"{colour!r} is not a colour of fabrics; one of {', '.join(CLOTH_RGB)}")
    if pattern not in PATTERNS:
        raise ValueError(f"{pattern!r} is not a pattern of fabrics; one of {', '.join(PATTERNS)}")
    styles = styles_of(pattern)
    if style and style not in styles:
        raise ValueError(f"{pattern} is not drawn as {style!r}; one of {', '.join(styles) or 'none'}")
    if pattern == "solid":
        return Fabric(CLOTH_RGB[colour])
    return Fabric(CLOTH_RGB[colour], style or styles[0], *_further_colours(colour, pattern), grid)


def _further_colours(colour: str, pattern: str) -> tuple[Rgb, Rgb]:
    """Return the second and the third colour of a print."""
    base, (lightness, _, yellow) = CLOTH_RGB[colour], LAB[colour]
    accent = ACCENTS.get(colour) or ((_BROWN if yellow > 12 else _NAVY) if lightness > _LIGHT else _PALE)
    if pattern in _FURS:
        return (_blend(base, _BROWN, 0.55), _DARK) if lightness > _DIM else (_blend(base, _PALE, 0.35), _PALE)
    if pattern == "camouflage":
        ends = ((0, 0, 0), 0.42, 0.72) if lightness > _DIM else ((255, 255, 255), 0.22, 0.45)
        return _blend(base, ends[0], ends[1]), _blend(base, ends[0], ends[2])
    if pattern in ("floral", "paisley", "graphic"):
        return accent, _WINE if lightness > 80 else _HEART
    if pattern == "plaid":
        return accent, _DARK if lightness > _DIM else (150, 150, 158)
    return accent, _DARK if lightness > _DIM else accent


def _blend(first: Rgb, second: Rgb, share: float) -> Rgb:
    return tuple(round(a * (1 - share) + b * share) for a, b in zip(first, second, strict=True))


def repeat_px(size: int) -> int:
    """Return the step of the picture's grid that `print_fabric` uses, at a picture side of `size` px."""
    return 8 * max(1, round(size / 64))


def print_fabric(colour: str, pattern: str, shading: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """Fill a picture with a fabric whose print lies on the picture's grid: float32 (H, W, 3) in [0, 255].

    Args:
        shading: a factor of the fabric, (H, W).
        bend: how far the print is moved down, px, (H, W).
    """
    fabric = make_fabric(colour, pattern)
    base, second, third = (np.asarray(one, np.float32) for one in (fabric.colour, fabric.second, fabric.third))
    if fabric.print is None:
        return base * shading[..., None]
    repeat = repeat_px(shading.shape[0]) * PRINTS[fabric.print].units
    total = np.zeros((*shading.shape, 2), np.float32)
    y, x = (np.arange(length, dtype=np.float32) + 0.5 for length in shading.shape)
    for down in (-1 / 3, 0, 1 / 3):
        for right in (-1 / 3, 0, 1 / 3):
            rows, columns = ((place / repeat) % 1 * SIDE for place in (y[:, None] + down - bend, x + right))
            total += tiles()[fabric.print][rows.astype(int) % SIDE, columns.astype(int) % SIDE]
    shares = total / (9 * 255)
    mixed = base * (1 - shares.sum(-1, keepdims=True)) + second * shares[..., :1] + third * shares[..., 1:]
    return mixed * shading[..., None]
