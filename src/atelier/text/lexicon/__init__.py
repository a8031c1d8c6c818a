"""The words for colours, prints, fabrics and garments: one lexicon for captions, instructions and measured colours.

Each kind of word has a data file beside this one. `TERMS` maps every phrase to what it means.

Legend: L* lightness, a* and b* of CIELAB (D65, 2° observer); chroma is √(a*² + b*²).
"""

import math
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from atelier.text.colours import COLOURS_LAB

Kind = Literal["colour", "modifier", "tinge", "print", "fabric", "garment"]
Lab = tuple[float, float, float]


@dataclass(frozen=True)
class Term:
    """What a phrase means: a colour, print, fabric or garment by its name here."""

    kind: Kind
    value: str


@dataclass(frozen=True)
class Print:
    """How a print is written: "a striped shirt", "a striped pattern", "with stripes"."""

    adjective: str
    modifier: str
    noun: str


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


_COLOURS, _PRINTS, _FABRICS, GARMENTS = map(_load, ("colours", "prints", "fabrics", "garments"))
GRAMMAR: dict[str, frozenset[str]] = {name: frozenset(words.split()) for name, words in _load("grammar").items()}
NEAR = 10.0  # ΔE*ab below which two names may mean one colour; about four just noticeable differences (2.3)
SEVERAL = "multicoloured"  # stands for several colours at once; no colour of the lexicon
LAB: dict[str, Lab] = {
    name: tuple(entry["lab"]) if "lab" in entry else COLOURS_LAB[name] for name, entry in _COLOURS["colours"].items()
}
PRINTS: dict[str, Print] = {
    name: Print(entry["adjective"], entry.get("modifier", entry["adjective"]), entry["noun"])
    for name, entry in _PRINTS.items()
}
_MODIFIERS: dict[str, dict[str, float]] = _COLOURS["modifiers"]


def words_of(phrase: str) -> tuple[str, ...]:
    """Return a phrase as the words that `TERMS` is keyed by: lower case, split at hyphens and spaces."""
    return tuple(phrase.lower().replace("-", " ").split())


def _terms() -> dict[tuple[str, ...], Term]:
    entries: list[tuple[str, Kind, str]] = [
        *((word, "fabric", name) for name, also in _FABRICS.items() for word in also),
        *((word, "print", name) for name, entry in _PRINTS.items() for word in (name, *entry["also"])),
        *((word, "colour", name) for name, entry in _COLOURS["colours"].items() for word in (name, *entry["also"])),
        *((word, "colour", SEVERAL) for word in (SEVERAL, *_COLOURS["several"]["words"])),
        *((word, "modifier", name) for name, entry in _MODIFIERS.items() for word in (name, *entry["also"])),
        *((word, "tinge", name) for word, name in _COLOURS["tinges"].items()),
        *((word, "garment", garment) for garment, entry in GARMENTS.items() for word in (*entry["also"], garment)),
    ]
    spellings = (("", ""), ("grey", "gray"), ("colour", "color"))
    return {
        words_of(phrase.replace(british, american) if british else phrase): Term(kind, value)
        for phrase, kind, value in entries
        for british, american in spellings
    }


TERMS: dict[tuple[str, ...], Term] = _terms()
LONGEST = max(map(len, TERMS))  # words of the longest phrase


def is_colour(name: str) -> bool:
    """Whether a text is the name of a colour: one of the lexicon's, with or without a modifier ("light blue")."""
    return name in LAB or _split(name) is not None


def lab_of(colour: str) -> Lab:
    """Return the CIELAB value of a colour name.

    Raises:
        KeyError: the lexicon has no such colour.
    """
    if colour in LAB:
        return LAB[colour]
    parts = _split(colour)
    if parts is None:
        raise KeyError(colour)
    modifier, (lightness, a, b) = _MODIFIERS[parts[0]], LAB[parts[1]]
    lightness = min(max(lightness + modifier["lightness"], 0.0), 100.0)
    return lightness, a * modifier["chroma"], b * modifier["chroma"]


def broader_names(colour: str) -> frozenset[str]:
    """Return the other names that the colour also goes by: navy → blue, light blue → blue."""
    if colour in LAB:
        return frozenset(_COLOURS["colours"][colour]["of"])
    parts = _split(colour)
    return frozenset() if parts is None else frozenset({parts[1]}) | broader_names(parts[1])


def may_be_same(one: str, other: str) -> bool:
    """Whether two colour names may be used of one colour: one is the broader name, or their values are near."""
    related = one == other or one in broader_names(other) or other in broader_names(one)
    return related or math.dist(lab_of(one), lab_of(other)) < NEAR


def prints_may_be_same(one: str, other: str) -> bool:
    """Whether two prints may be one: leopard is an animal print."""
    return one == other or one in _PRINTS[other].get("of", ()) or other in _PRINTS[one].get("of", ())


def _split(name: str) -> tuple[str, str] | None:
    """Split "light blue" into modifier and colour; None if the text does not have that form."""
    modifier, _, colour = name.partition(" ")
    return (modifier, colour) if modifier in _MODIFIERS and colour in LAB else None
