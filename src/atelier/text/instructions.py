"""Templates of instructions and captions, shared by rendered data, pairs and the pretraining of the embedded model.

Patterns: solid, stripes, floral, dots, plaid. An edit changes the colour, the pattern, or both, of one garment.
"""

import random

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white")
PATTERNS = ("solid", "stripes", "floral", "dots", "plaid")
PROMPTS = {  # the paper's four prompts (section 6): (factor, value)
    "add stripes to the clothes": ("pattern", "stripes"),
    "change shirt to blue": ("colour", "blue"),
    "change to a floral pattern": ("pattern", "floral"),
    "make the shirt red": ("colour", "red"),
}
UPPER = ("t-shirt", "shirt", "jacket")
LOWER = ("skirt", "trousers", "shorts")
FULL = ("dress",)

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
_ADJECTIVE = {"solid": "plain", "stripes": "striped", "floral": "floral", "dots": "dotted", "plaid": "plaid"}
_BOTH = (
    "change the {garment} to {colour} {noun}",
    "make the {garment} {colour} and {adjective}",
    "a {colour} {adjective} {garment} instead",
)
_NOUN = {"solid": "fabric", "stripes": "stripes", "floral": "flowers", "dots": "dots", "plaid": "plaid"}


def _names(garment: str) -> tuple[str, ...]:
    """Return the names of a garment in instructions; upper and full-body ones also have the paper's loose names."""
    if garment in UPPER:
        return (garment, garment, "shirt", "clothes")
    return (garment, garment, garment, "clothes") if garment in FULL else (garment,)


def instruct(rng: random.Random, garment: str, *, colour: str | None = None, pattern: str | None = None) -> str:
    """Draw an instruction, in one of several wordings, that gives `garment` a colour, a pattern, or both.

    As in the paper's prompts, "shirt" and "clothes" refer to the main garment (upper or full-body), and so does the
    prompt that names no garment, "change to a floral pattern".

    Raises:
        ValueError: neither colour nor pattern is given.
    """
    if colour is None and pattern is None:
        raise ValueError("an instruction changes a colour, a pattern or both")
    main = garment in UPPER + FULL
    if main and pattern not in (None, "solid") and colour is None and rng.random() < 0.15:
        return f"change to a {_ADJECTIVE[pattern]} pattern"
    name = rng.choice(_names(garment))
    if colour is not None and pattern is not None:
        template = rng.choice(_BOTH)
        return template.format(garment=name, colour=colour, noun=_NOUN[pattern], adjective=_ADJECTIVE[pattern])
    if colour is not None:
        return rng.choice(_COLOUR).format(garment=name, colour=colour)
    return rng.choice(_PATTERN[pattern]).format(garment=name)


def describe(garment: str, colour: str | None = None, pattern: str | None = None) -> str:
    """Describe a garment for a caption: "a red striped shirt", "white shorts" (no article before a plural)."""
    words = [
        word for word in (colour, _ADJECTIVE[pattern] if pattern not in (None, "solid") else None, garment) if word
    ]
    phrase = " ".join(words)
    if garment in ("trousers", "shorts", "pants", "clothes"):
        return phrase
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def caption(gender: str, garments: list[str]) -> str:
    """Compose a caption in the data set's style from described garments: "a woman in white shorts and a t-shirt"."""
    return f"a {gender} in {' and '.join(garments)}" if garments else f"a {gender}"
