"""Parse and rewrite captions: find a garment's fabric in a caption, and replace it."""

import re
from dataclasses import dataclass

from atelier.text.garments import caption_names
from atelier.text.instructions import COLOURS, describe

PATTERN_WORDS = {
    "plain": "solid", "solid": "solid", "striped": "stripes", "stripe": "stripes", "floral": "floral",
    "flowered": "floral", "dotted": "dots", "plaid": "plaid", "checked": "plaid", "checkered": "plaid",
}  # fmt: skip
LONG = 12  # words: a phrase at the end of a longer caption can lie behind what a text encoder reads
_STOP = "a|an|the|and|in|with|wearing|her|his|their|of|on"


def name_factor(colour: str | None, pattern: str | None) -> str:
    """Name the factor that a new colour and pattern change: both, colour, pattern or variant."""
    return "both" if colour and pattern else "colour" if colour else "pattern" if pattern else "variant"


@dataclass(frozen=True)
class Mention:
    """The place where a caption names a garment: [start, end) spans its article, adjectives and name."""

    start: int
    end: int
    article: bool
    colour: str | None
    pattern: str | None
    name: str  # with the adjectives that name no colour or pattern: "long sleeve shirt"


def _phrase(name: str) -> str:
    """Return the regular expression of article, adjectives and name: "a long sleeve white shirt"."""
    adjective = rf"\b(?!(?:{_STOP})\b)[\w'-]+ "
    return rf"(?:\b(?P<article>an?) )?(?P<adjectives>(?:{adjective})*)(?P<name>\b{re.escape(name)}\b)"


def find_mention(caption: str, garment: str) -> Mention | None:
    """Find the first place where a caption names the garment, by its own name or else by another of its names."""
    for name in caption_names(garment):
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
    """Replace the colour, the pattern or both of one garment in a caption; None: unchanged.

    A garment that the caption does not name is added: "a woman on a bench" → "a woman on a bench, in a red shirt".
    """
    found = find_mention(caption, garment)
    if found is None:
        return add_phrase(caption, f"in {describe(garment, colour, pattern)}")
    phrase = describe(found.name, colour or found.colour, pattern or found.pattern)
    if not found.article:
        phrase = phrase.removeprefix("an ").removeprefix("a ")
    return caption[: found.start] + phrase + caption[found.end :]


def add_phrase(caption: str, phrase: str) -> str:
    """Add a phrase to a caption: at its end, or in front of a caption of more than LONG words."""
    return f"{phrase}, {caption}" if len(caption.split()) > LONG else f"{caption}, {phrase}"
