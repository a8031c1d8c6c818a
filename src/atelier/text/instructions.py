"""Templates of instructions and captions, shared by rendered data, pairs and the pretraining of the embedded model.

An edit changes the colour, the pattern, or both, of one garment. Colours and patterns are those of `text.lexicon`;
rendered data has ten and five of them.
"""

import random
import re

from atelier.text.articles import with_article
from atelier.text.lexicon import PRINTS

RENDERED_COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")
RENDERED_PATTERNS = ("solid", "stripes", "floral", "dots", "plaid")
PROMPTS = {  # the paper's four prompts (tables 1 and 5): (factor, value)
    "add stripes to the clothes": ("pattern", "stripes"),
    "change shirt to blue": ("colour", "blue"),
    "change to a floral pattern": ("pattern", "floral"),
    "make the shirt red": ("colour", "red"),
}
UPPER = ("t-shirt", "shirt", "jacket")
LOWER = ("skirt", "trousers", "shorts")
FULL = ("dress",)
OUTER = ("jacket",)  # worn over others

_COLOUR = (
    "make the {garment} {colour}",
    "change {garment} to {colour}",
    "change the {garment} to {colour}",
    "turn the {garment} {colour}",
    "recolour the {garment} in {colour}",
    "a {colour} {garment} instead",
)
_PATTERN = {
    "solid": (
        "make the {garment} plain",
        "remove the pattern from the {garment}",
        "change the {garment} to a solid fabric",
    ),
    "stripes": ("add stripes to the {garment}", "make the {garment} striped", "change {garment} to stripes"),
    "floral": ("change the {garment} to a floral pattern", "make the {garment} floral", "add flowers to the {garment}"),
    "dots": ("add dots to the {garment}", "make the {garment} dotted", "change the {garment} to polka dots"),
    "plaid": (
        "make the {garment} plaid",
        "change the {garment} to a plaid pattern",
        "add a plaid pattern to the {garment}",
    ),
}
_PRINT = (  # of any other print
    "change the {garment} to {noun}",
    "make the {garment} {adjective}",
    "give the {garment} {noun}",
)
_BOTH = (
    "change the {garment} to {colour} {noun}",
    "make the {garment} {colour} and {adjective}",
    "a {colour} {adjective} {garment} instead",
)
_NOUN = {"solid": "fabric", "plaid": "plaid"}  # in _BOTH, where that is not the lexicon's noun
_BOTH_PRINT = (*_BOTH[1:], "change the {garment} to {colour} with {noun}")


def _names(garment: str, layers: bool) -> tuple[str, ...]:
    """Return the names of a garment in instructions; upper and full-body ones also have the paper's loose names.

    Of a jacket and a top under it, "shirt" is the top's name, "clothes" the jacket's.
    """
    if garment in UPPER:
        shirt, clothes = (not layers or garment not in OUTER), (not layers or garment in OUTER)
        return (garment, garment, "shirt" if shirt else garment, "clothes" if clothes else garment)
    return (garment, garment, garment, garment if layers else "clothes") if garment in FULL else (garment,)


def instruct(
    rng: random.Random, garment: str, *, colour: str | None = None, pattern: str | None = None, layers: bool = False
) -> str:
    """Draw an instruction, in one of several wordings, that gives `garment` a colour, a pattern, or both.

    As in the paper's prompts, "shirt" and "clothes" refer to the main garment (upper or full-body), and so does the
    prompt that names no garment, "change to a floral pattern".

    Args:
        layers: whether a jacket and a top or dress under it can be seen.

    Raises:
        ValueError: neither colour nor pattern is given.
    """
    if colour is None and pattern is None:
        raise ValueError("an instruction changes a colour, a pattern or both")
    drawn = pattern in RENDERED_PATTERNS  # whose templates are fixed: the embedded model was trained on them
    main = garment in (OUTER if layers else UPPER + FULL)
    if main and pattern not in (None, "solid") and colour is None and rng.random() < 0.15:
        return f"change to a {PRINTS[pattern].adjective} pattern" if drawn else f"change to {PRINTS[pattern].noun}"
    name = rng.choice(_names(garment, layers))
    if pattern is None:
        return rng.choice(_COLOUR).format(garment=name, colour=colour)
    spoken = PRINTS[pattern]
    words = {"garment": name, "colour": colour, "adjective": spoken.adjective, "noun": spoken.noun}
    if colour is None:
        return rng.choice(_PATTERN.get(pattern, _PRINT)).format(**words)
    if drawn:
        return rng.choice(_BOTH).format(**words | {"noun": _NOUN.get(pattern, spoken.noun)})
    return rng.choice(_BOTH_PRINT).format(**words)


def correct_articles(instruction: str) -> str:
    """Correct the article of "a orange shirt instead" and "a red trousers instead".

    Rendered data keeps them: the embedded model was trained on the templates as they are.
    """
    found = re.fullmatch(r"a (.+) instead", instruction)
    return f"{with_article(found[1])} instead" if found else instruction


def describe(garment: str, colour: str | None = None, pattern: str | None = None) -> str:
    """Describe a garment for a caption: "a red striped shirt", "white shorts" (no article before a plural)."""
    words = [
        word
        for word in (colour, PRINTS[pattern].adjective if pattern not in (None, "solid") else None, garment)
        if word
    ]
    return with_article(" ".join(words))


def caption(gender: str, garments: list[str]) -> str:
    """Compose a caption in the data set's style from described garments: "a woman in white shorts and a t-shirt"."""
    return f"a {gender} in {' and '.join(garments)}" if garments else f"a {gender}"
