"""Scenes: the plain values that a picture is rendered from. An edit changes only the values that it names."""

import json
from dataclasses import asdict, dataclass, replace

from atelier.text import instructions
from atelier.text.colours import is_held_out
from atelier.text.instructions import FULL, LOWER, UPPER


@dataclass(frozen=True)
class Person:
    person_id: str
    gender: str  # woman | man
    build: float  # width of the body; 1 is average
    skin: tuple[int, int, int]
    hair: tuple[int, int, int]
    hair_style: str  # short | long | bun


@dataclass(frozen=True)
class Pose:
    name: str
    arms: tuple[float, float, float, float]  # left upper, left fore, right upper, right fore; degrees outward from down
    lean: float  # sideways shift of the head relative to the hips, in body heights
    view: str  # front | side | back


@dataclass(frozen=True)
class Garment:
    kind: str  # type, one of instructions.UPPER, LOWER, FULL (a key of the stored scenes)
    colour: str
    pattern: str
    cut: float  # 0..1: sleeve, hem and flare of this design


@dataclass(frozen=True)
class Backdrop:
    domain: str  # studio | street
    seed: int
    echo: str | None  # a garment colour that objects of the street repeat
    bars: float  # width of the side bars, share of the picture (0: none)


@dataclass(frozen=True)
class Framing:
    centre: float  # x of the hips, share of the picture
    top: float  # y of the top of the head
    scale: float  # body height in picture heights (above 1: cut below the knees)
    light: float  # gain of the illumination
    slope: float  # its horizontal slope


@dataclass(frozen=True)
class Scene:
    person: Person
    pose: Pose
    worn: tuple[tuple[str, Garment], ...]  # (slot, garment), slot in upper, lower, full
    item: str  # slot of the garment that is the row's item
    backdrop: Backdrop
    framing: Framing
    folds: int  # seed of the folds

    @property
    def garments(self) -> dict[str, Garment]:
        """The garments by slot: {"upper", "lower"} or {"full"}."""
        return dict(self.worn)

    @property
    def gender(self) -> str:
        return self.person.gender

    @property
    def held_out(self) -> bool:
        """Whether any fabric in the scene is excluded from training."""
        return any(is_held_out(garment.colour, garment.pattern) for _, garment in self.worn)

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Scene":
        raw = json.loads(text)
        person = raw["person"] | {"skin": tuple(raw["person"]["skin"]), "hair": tuple(raw["person"]["hair"])}
        return cls(
            person=Person(**person),
            pose=Pose(**raw["pose"] | {"arms": tuple(raw["pose"]["arms"])}),
            worn=tuple((slot, Garment(**garment)) for slot, garment in raw["worn"]),
            item=raw["item"],
            backdrop=Backdrop(**raw["backdrop"]),
            framing=Framing(**raw["framing"]),
            folds=raw["folds"],
        )


def slot_of(garment_type: str) -> str:
    """Return the slot of a type of garment: upper, lower or full."""
    for slot, types in (("upper", UPPER), ("lower", LOWER), ("full", FULL)):
        if garment_type in types:
            return slot
    raise ValueError(f"{garment_type!r} is not a garment; one of {', '.join(UPPER + LOWER + FULL)}")


def edit(scene: Scene, slot: str, *, colour: str | None = None, pattern: str | None = None) -> Scene:
    """Return the scene with another colour, pattern or both on the garment in `slot`; nothing else changes."""
    if slot not in scene.garments:
        raise ValueError(f"nothing is worn in slot {slot!r}; worn: {', '.join(scene.garments)}")
    changed = {name: value for name, value in (("colour", colour), ("pattern", pattern)) if value is not None}
    worn = tuple((s, replace(garment, **changed) if s == slot else garment) for s, garment in scene.worn)
    return replace(scene, worn=worn)


def describe_scene(scene: Scene) -> str:
    """Return a caption in the data set's style: "a woman in white shorts and a red striped t-shirt"."""
    garments = [instructions.describe(g.kind, g.colour, g.pattern) for _, g in reversed(scene.worn)]
    return instructions.caption(scene.gender, garments)
