"""Read what an instruction requests: the garment that it names, and its new colour, pattern and fabric."""

import re
from dataclasses import dataclass

from atelier.text.captions import PATTERN_WORDS
from atelier.text.garments import garment_in
from atelier.text.instructions import COLOURS

_NOUNS = {"stripes": "stripes", "flowers": "floral", "dots": "dots", "polka": "dots", "checks": "plaid"}
_PATTERNS = PATTERN_WORDS | _NOUNS


@dataclass(frozen=True)
class Request:
    """What an instruction requests; None for each part that it does not name."""

    garment: str | None
    colour: str | None
    pattern: str | None
    fabric: str | None


def read_request(instruction: str) -> Request:
    """Read an instruction: "change the red shirt to blue" → shirt, blue.

    The garment is the first that the instruction names. A requested colour or pattern follows "to", as in "change the
    red shirt to blue", or precedes it, as in "add dots to the red shirt"; of several, the last counts.
    """
    words = re.findall(r"[\w'-]+", instruction.lower())
    cut = max((number for number, word in enumerate(words) if word in ("to", "into")), default=None)
    requested = words if cut is None else words[:cut] if words[0] == "add" else words[cut:]
    colours = [word for word in requested if word in COLOURS]
    patterns = [_PATTERNS[word] for word in requested if word in _PATTERNS]
    return Request(
        garment=garment_in(instruction),
        colour=colours[-1] if colours else None,
        pattern=patterns[-1] if patterns else None,
        fabric=None,
    )
