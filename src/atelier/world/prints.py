"""The prints of fabrics as tiles: which share of base colour, second and third colour each texel has.

`shoot/prints.py` draws the tiles. They are stored, so that composing needs no function that rounds differently on other
machines.
"""

import io
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from PIL import Image

SIDE = 128  # texels


@dataclass(frozen=True)
class Print:
    """A print that can be drawn.

    Attributes:
        pattern: its name in the lexicon, which captions use.
        repeat: size of one repeat on the cloth, mm.
        units: size of one repeat on the picture's grid, in its steps.
    """

    pattern: str
    repeat: float
    units: int = 2


# The first print of a pattern is the one that an edit to this pattern gives.
PRINTS = {
    "stripes": Print("stripes", 62, 1),
    "thin stripes": Print("stripes", 30, 1),
    "wide stripes": Print("stripes", 130, 1),
    "dots": Print("dots", 76, 1),
    "floral": Print("floral", 170),
    "plaid": Print("plaid", 130),
    "check": Print("plaid", 48, 1),
    "leopard": Print("leopard", 190),
    "zebra": Print("zebra", 260, 3),
    "snake": Print("snake", 240, 3),
    "animal": Print("animal", 260, 3),
    "camouflage": Print("camouflage", 330, 3),
    "tie-dye": Print("tie-dye", 420, 4),
    "graphic": Print("graphic", 150),
    "paisley": Print("paisley", 160),
    "geometric": Print("geometric", 110),
    "abstract": Print("abstract", 340, 3),
    "ombre": Print("ombre", 900, 6),
}


@lru_cache(1)
def tiles() -> dict[str, np.ndarray]:
    """Return the tiles by the names of PRINTS: uint8 (SIDE, SIDE, 2), shares of the second and third colour of 255."""
    stored = files(__package__).joinpath("prints.webp").read_bytes()
    shares = np.asarray(Image.open(io.BytesIO(stored)).convert("RGB"))[..., :2]
    return dict(zip(PRINTS, shares.reshape(-1, SIDE, SIDE, 2), strict=True))
