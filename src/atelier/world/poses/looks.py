"""What prompts say of a stored person: pose, place, who it is, and the clothes with their colours.

The facts of a stored person: posture, place, female, outfit (trousers or shorts, then a top), and `twin`: the fault of
a deformed body, which shares everything else with the whole one; null: whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from atelier.common.errors import UserError
from atelier.text.instructions import caption, describe
from atelier.world.shards import Part, Shards, part_of

Facts = Mapping[str, Any]

UPRIGHT = ("standing", "walking", "waving", "jumping")
POSES = (*UPRIGHT, "sitting", "lying")
PLACES = ("grass", "street", "beach", "studio")
FAULTS = ("missing", "extra", "detached", "misplaced", "headless", "long", "bent")
_COLOURS = ("red", "yellow", "green", "blue", "black", "white")
_HOW = {"grass": "on the grass", "street": "on the street", "beach": "on the beach", "studio": "in the studio"}


@dataclass(frozen=True)
class Look:
    """What a prompt says of a person but the pose."""

    gender: str  # woman | man
    top: str  # t-shirt | sweater | shirt
    top_colour: str
    bottom: str  # trousers | shorts
    bottom_colour: str
    place: str  # one of PLACES


def prompt_of(look: Look, pose: str) -> str:
    """Return the prompt, such as "a woman in a red t-shirt and blue shorts lying on the grass"."""
    clothes = [describe(look.top, look.top_colour), describe(look.bottom, look.bottom_colour)]
    return f"{caption(look.gender, clothes)} {pose} {_HOW[look.place]}"


def pose_of(facts: Facts) -> str:
    """Return the pose of a stored person, one of POSES."""
    return "lying" if facts["posture"].startswith("on the") else facts["posture"]


def dress_person(facts: Facts, rng: np.random.Generator) -> Look:
    """Draw the colours of a stored person's clothes, two different ones."""
    top_colour, bottom_colour = (str(name) for name in rng.choice(_COLOURS, 2, replace=False))
    bottom, top = (cut["kind"] for cut in facts["outfit"])
    return Look(_gender_of(facts), top, top_colour, bottom, bottom_colour, _place_of(facts))


@dataclass(frozen=True)
class Wanted:
    """Which stored people are wanted; None: any.

    Attributes:
        part: those of base models or of studies.
        fault: one of FAULTS; "": whole; None: any that is deformed.
    """

    part: Part
    pose: str | None = None
    place: str | None = None
    fault: str | None = ""
    gender: str | None = None
    top: str | None = None
    bottom: str | None = None

    def fits(self, facts: Facts) -> bool:
        """Whether a stored person is wanted."""
        bottom, top = (cut["kind"] for cut in facts["outfit"])
        asked = (self.part, self.pose, self.place, self.gender, self.top, self.bottom)
        part = part_of(facts["item"], facts["domain"])
        found = (part, pose_of(facts), _place_of(facts), _gender_of(facts), top, bottom)
        fault = facts["twin"] or ""
        return all(one in (None, other) for one, other in zip(asked, found, strict=True)) and (
            fault == self.fault or (self.fault is None and fault != "")
        )


@lru_cache(256)
def list_people(world: Shards, wanted: Wanted) -> tuple[str, ...]:
    """Return the names of the stored people that are wanted.

    Raises:
        UserError: there is none.
    """
    names = tuple(name for name, facts in world.facts.items() if facts["domain"] == "body" and wanted.fits(facts))
    if not names:
        asked = ", ".join(f"{key} {value!r}" for key, value in vars(wanted).items() if value is not None)
        raise UserError(f"{world.folder}: no stored person with {asked}")
    return names


def _place_of(facts: Facts) -> str:
    return "beach" if facts["place"] == "sand" else facts["place"]


def _gender_of(facts: Facts) -> str:
    return "woman" if facts["female"] else "man"
