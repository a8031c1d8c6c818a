"""Captions as data: what a caption says of a garment's fabric, and the same caption with another fabric."""

import re
from dataclasses import dataclass

from atelier.text.instructions import COLOURS, describe

PATTERN_WORDS = {
    "plain": "solid", "solid": "solid", "striped": "stripes", "stripe": "stripes", "floral": "floral",
    "flowered": "floral", "dotted": "dots", "plaid": "plaid", "checked": "plaid", "checkered": "plaid",
}  # fmt: skip
_NAMES = {  # what captions call a garment beside our word for it
    "t-shirt": ("tank top", "tee shirt", "tee", "top", "shirt"),
    "shirt": ("blouse", "polo", "top"),
    "jacket": ("blazer", "coat", "vest", "hoodie"),
    "sweater": ("jumper", "pullover", "top"),
    "sweatshirt": ("hoodie", "sweater", "top"),
    "cardigan": ("sweater",),
    "coat": ("jacket",),
    "trousers": ("pants", "jeans", "leggings"),
    "jumpsuit": ("romper", "playsuit"),
    "dress": ("gown",),
}
_STOP = "a|an|the|and|in|with|wearing|her|his|their|of|on"


def name_factor(colour: str | None, pattern: str | None) -> str:
    """What an instruction changes that names this new colour and this new pattern: both, colour, pattern or variant."""
    return "both" if colour and pattern else "colour" if colour else "pattern" if pattern else "variant"


@dataclass(frozen=True)
class Mention:
    """Where a caption names a garment: [start, end) holds its article, its adjectives and its name."""

    start: int
    end: int
    article: bool
    colour: str | None
    pattern: str | None
    name: str  # with the adjectives that say nothing of colour or pattern: "long sleeve shirt"


def _phrase(name: str) -> str:
    """Article, adjectives, name, as a regular expression: "a long sleeve white shirt"."""
    adjective = rf"\b(?!(?:{_STOP})\b)[\w'-]+ "
    return rf"(?:\b(?P<article>an?) )?(?P<adjectives>(?:{adjective})*)(?P<name>\b{re.escape(name)}\b)"


def find_mention(caption: str, garment: str) -> Mention | None:
    """The first place where a caption names the garment, by our word or by one that captions use for it."""
    for name in (garment, *_NAMES.get(garment, ())):
        found = re.search(_phrase(name), caption, re.IGNORECASE)
        if found:
            words = found["adjectives"].split()
            kept = [word for word in words if word.lower() not in COLOURS and word.lower() not in PATTERN_WORDS]
            return Mention(
                start=found.start(),
                end=found.end(),
                article=found["article"] is not None,
                colour=next((word.lower() for word in words if word.lower() in COLOURS), None),
                pattern=next((PATTERN_WORDS[word.lower()] for word in words if word.lower() in PATTERN_WORDS), None),
                name=" ".join([*kept, found["name"]]),
            )
    return None


def recaption(caption: str, garment: str, *, colour: str | None = None, pattern: str | None = None) -> str:
    """The same caption with another colour or pattern (or both) of one garment; what is not given stays as it says.

    A caption that does not name the garment has it added: "a woman on a bench" → "a woman on a bench, in a red shirt".
    """
    found = find_mention(caption, garment)
    if found is None:
        return f"{caption}, in {describe(garment, colour, pattern)}"
    phrase = describe(found.name, colour or found.colour, pattern or found.pattern)
    if not found.article:
        phrase = phrase.removeprefix("an ").removeprefix("a ")
    return caption[: found.start] + phrase + caption[found.end :]
