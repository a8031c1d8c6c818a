"""Scene programs: the plain values that a picture is composed from. An edit changes only the values that it names."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from atelier.text import instructions
from atelier.text.colours import is_held_out
from atelier.text.garments import SLOTS as SLOT_OF
from atelier.world.develop import DAYLIGHT, Camera
from atelier.world.shards import Shards, open_world

SLOTS = ("upper", "inner", "lower", "full")  # in the order of `worn`
KINDS = {"blouse": "shirt", "top": "t-shirt"}  # cuts of the shoot whose garment has another name in the lexicon
GARMENTS = ("t-shirt", "shirt", "sweater", "jacket", "dress", "skirt", "trousers", "shorts")
NAMES = {"blouse": "blouse", "top": "tank top"}  # what captions call them
_LOWER = ("trousers", "shorts", "skirt")
_HARDLY = 0.0015  # a garment that covers less of the picture is not mentioned


@dataclass(frozen=True)
class Person:
    person_id: str
    gender: str  # woman | man


@dataclass(frozen=True)
class Garment:
    """A garment as captions and instructions see it.

    Attributes:
        kind: its name in the lexicon (a key of the stored scenes).
        cut: its length as the shoot states it: of tops m below the hip joint, of others share of waist to ankle.
        style: how its print is drawn, one of `fabrics.styles_of`; "": the usual way.
        grid: step of a print on the picture's grid, as a share of its side; 0: the print follows the cloth.
        name: what captions call it; "": its kind.
    """

    kind: str
    colour: str
    pattern: str
    cut: float
    style: str = ""
    grid: float = 0.0
    name: str = ""


@dataclass(frozen=True)
class Scene:
    """A picture's program.

    Attributes:
        shot: name of the stored shot.
        worn: (slot, garment), of the garments that can be seen; slots: upper (a jacket, or else a top), inner (a top
            under a jacket), lower, full.
        item: slot of the garment that is the row's item.
        bars: width of black bars at the sides, share of the picture; 0: none.
    """

    shot: str
    domain: str  # studio | street
    view: str  # front | three-quarter | side | back
    person: Person
    worn: tuple[tuple[str, Garment], ...]
    item: str
    camera: Camera = DAYLIGHT
    bars: float = 0.0

    @property
    def garments(self) -> dict[str, Garment]:
        """Garments by slot."""
        return dict(self.worn)

    @property
    def held_out(self) -> bool:
        """Whether a fabric in the scene is excluded from training."""
        return any(is_held_out(one.colour, one.pattern) for one in self.garments.values())

    @property
    def gender(self) -> str:
        """Gender of the person, woman or man."""
        return self.person.gender

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Scene":
        """Read a program.

        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        raw = json.loads(text)
        camera = raw["camera"] | {"balance": tuple(raw["camera"]["balance"])}
        return cls(
            **raw
            | {
                "person": Person(**raw["person"]),
                "worn": tuple((slot, Garment(**garment)) for slot, garment in raw["worn"]),
                "camera": Camera(**camera),
            }
        )


def slots_of(outfit: list[dict[str, Any]]) -> list[str]:
    """Return the slot of each garment of an outfit, from the inside out."""
    kinds = [cut["kind"] for cut in outfit]
    top = "inner" if "jacket" in kinds else "upper"
    fixed = {"jacket": "upper", "dress": "full"} | dict.fromkeys(_LOWER, "lower")
    return [fixed.get(kind, top) for kind in kinds]


def seen_slots(facts: dict[str, Any], least: float = _HARDLY) -> dict[str, int]:
    """Return the slots of the garments that cover at least a share of the picture, with their numbers in the outfit."""
    slots = {slot: number for number, slot in enumerate(slots_of(facts["outfit"])) if facts["seen"][number] >= least}
    return {slot: slots[slot] for slot in SLOTS if slot in slots}


def slot_of(garment_type: str) -> str:
    """Return the slot of a type of garment, where nothing is worn over it: upper, lower or full."""
    if garment_type not in GARMENTS:
        raise ValueError(f"{garment_type!r} is not a garment; one of {', '.join(GARMENTS)}")
    return SLOT_OF[garment_type]


def edit(scene: Scene, slot: str, *, colour: str | None = None, pattern: str | None = None, grid: float = 0.0) -> Scene:
    """Return the scene with another colour, pattern or both on the garment in `slot`; nothing else changes.

    Args:
        grid: step of the new print on the picture's grid, as a share of its side; 0: the print follows the cloth.

    Raises:
        ValueError: nothing is worn in the slot.
    """
    worn = scene.garments
    if slot not in worn:
        raise ValueError(f"nothing is worn in slot {slot!r}; worn: {', '.join(worn)}")
    changed: dict[str, Any] = {} if colour is None else {"colour": colour}
    if pattern is not None and pattern != worn[slot].pattern:
        changed |= {"pattern": pattern, "style": "", "grid": grid if pattern != "solid" else 0.0}
    return replace(scene, worn=tuple((s, replace(g, **changed) if s == slot else g) for s, g in scene.worn))


def edit_cut(scene: Scene, world: Shards | None = None) -> tuple[str, str, Scene] | None:
    """Return the edit of a cut that the shot has a twin for: slot, words such as "longer", and the scene with it.

    None: it has no twin, or the twin does not show a garment of the scene.
    """
    world = world or open_world()
    twin = world.twin(scene.shot)
    if twin is None:
        return None
    facts = world.facts[twin]
    number, words = facts["twin"]
    slot = slots_of(facts["outfit"])[number]
    if slot not in scene.garments or seen_slots(facts).keys() != scene.garments.keys():
        return None
    cut = facts["outfit"][number]["hem"]
    worn = tuple((s, replace(garment, cut=cut) if s == slot else garment) for s, garment in scene.worn)
    return slot, words, replace(scene, shot=twin, worn=worn)


def describe_scene(scene: Scene) -> str:
    """Return a caption in the data set's style: "a woman in white shorts and a red striped t-shirt"."""
    garments = [instructions.describe(g.name or g.kind, g.colour, g.pattern) for _, g in reversed(scene.worn)]
    return instructions.caption(scene.gender, garments)
