"""Appearance of a person: clothes, skin, hair and place, and the prompt that describes them."""

from dataclasses import dataclass

import numpy as np

Colour = tuple[int, int, int]

PLACES = ("grass", "street", "beach", "studio")
COLOURS = ("red", "yellow", "green", "blue", "black", "white")
TOPS = ("t-shirt", "sweater")
BOTTOMS = ("shorts", "trousers")
SKINS: tuple[Colour, ...] = ((236, 196, 168), (198, 146, 108), (132, 88, 62))
HAIRS: tuple[Colour, ...] = ((38, 30, 28), (106, 66, 38), (214, 176, 96))
_HOW = {"grass": "on the grass", "street": "on the street", "beach": "on the beach", "studio": "in the studio"}


@dataclass(frozen=True)
class Look:
    gender: str  # woman | man: long or short hair
    skin: Colour
    hair: Colour
    top: str  # one of TOPS: sleeves to the elbow or to the wrist
    top_colour: str
    bottom: str  # one of BOTTOMS: legs to the knee or to the ankle
    bottom_colour: str
    place: str  # one of PLACES
    backdrop: int  # seed of the background's texture


def sample_look(rng: np.random.Generator, place: str | None = None) -> Look:
    """Sample a person in a random place, or in the given one. Top and bottom have different colours."""
    top, bottom = rng.choice(COLOURS, 2, replace=False)
    return Look(
        gender=str(rng.choice(("woman", "man"))),
        skin=SKINS[int(rng.integers(len(SKINS)))],
        hair=HAIRS[int(rng.integers(len(HAIRS)))],
        top=str(rng.choice(TOPS)),
        top_colour=str(top),
        bottom=str(rng.choice(BOTTOMS)),
        bottom_colour=str(bottom),
        place=str(rng.choice(PLACES)) if place is None else place,
        backdrop=int(rng.integers(2**31)),
    )


def prompt_of(look: Look, pose: str) -> str:
    """Return the prompt, such as "a woman in a red t-shirt and blue shorts lying on the grass"."""
    article = "an" if look.top_colour[0] in "aeiou" else "a"
    clothes = f"{article} {look.top_colour} {look.top} and {look.bottom_colour} {look.bottom}"
    return f"a {look.gender} in {clothes} {pose} {_HOW[look.place]}"
