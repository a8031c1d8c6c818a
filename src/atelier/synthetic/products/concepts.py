"""Four objects of unique appearance: concepts for fine-tuning a model on three to five pictures."""

import numpy as np

from atelier.synthetic.products.canvas import Colour
from atelier.synthetic.products.places import STUDIO
from atelier.synthetic.products.shots import Shot, shoot_thing

CONCEPTS = {"striped bag": "bag", "ringed mug": "mug", "patched bear": "bear", "checked hat": "hat"}  # name → noun

_PAINTS: dict[str, dict[str, Colour]] = {
    "striped bag": {"body": (238, 196, 40), "flap": (196, 40, 48), "handle": (30, 60, 150), "stripe": (30, 60, 150)},
    "ringed mug": {"body": (244, 244, 240), "handle": (240, 130, 30), "inside": (60, 40, 30), "rings": (20, 130, 120),
                   "belt": (200, 40, 90)},
    "patched bear": {"body": (120, 60, 160), "limbs": (120, 60, 160), "belly": (246, 220, 60),
                     "left ear": (40, 170, 80), "right ear": (246, 220, 60)},
    "checked hat": {"crown": (246, 246, 246), "checks": (206, 30, 40), "brim": (24, 40, 120), "button": (24, 160, 200)},
}  # fmt: skip
_SHOT_IN = (STUDIO, "on a table", STUDIO, STUDIO, "on a table")


def concept_shots(name: str, count: int, seed: int, size: int, token: str) -> list[Shot]:
    """Render photographs of one of CONCEPTS with the prompt "a photo of {token}"."""
    found = []
    for number in range(count):
        rng = np.random.default_rng([seed, 4, list(CONCEPTS).index(name), number])
        noun, place = CONCEPTS[name], _SHOT_IN[number % len(_SHOT_IN)]
        pixels, _ = shoot_thing(rng, noun, _PAINTS[name], place, size)
        found.append(Shot(pixels, f"a photo of {token}", None, noun, ""))
    return found
