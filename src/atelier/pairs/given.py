"""Given pairs: the triplets that a data set brings (MagicBrush, InstructPix2Pix, the user's own), used unchanged.

Where such a data set gives no garment, factor or target caption, they are derived from the instruction: garment and
factor are read from its words; the target's caption is the source's with that garment's new fabric or, if the
instruction names no fabric, the source's caption with the instruction added.
"""

import random
import re
from collections.abc import Iterator, Sequence

from atelier.common.records import Item, Triplet
from atelier.pairs.index import Fetch, IndexEntry
from atelier.text.captions import PATTERN_WORDS, add_phrase, name_factor, recaption
from atelier.text.garments import garment_in
from atelier.text.instructions import COLOURS

_NOUNS = {"stripes": "stripes", "flowers": "floral", "dots": "dots", "polka": "dots", "checks": "plaid"}
_PATTERNS = PATTERN_WORDS | _NOUNS


def make_given(entries: Sequence[IndexEntry], fetch: Fetch, seed: int) -> Iterator[Triplet]:
    """Yield the triplet of every item that has an instruction, in a seeded order."""
    order = [entry for entry in entries if entry.instruction is not None]
    random.Random(f"{seed}:given").shuffle(order)
    for entry in order:
        yield _triplet(fetch(entry), entry.instruction)


def requested_fabric(instruction: str) -> tuple[str | None, str | None]:
    """Return the (colour, pattern) that an instruction requests, None where it names none; of several, the last.

    They follow "to", as in "change the red shirt to blue", or precede it, as in "add dots to the red shirt".
    """
    words = re.findall(r"[\w'-]+", instruction.lower())
    cut = max((number for number, word in enumerate(words) if word in ("to", "into")), default=None)
    requested = words if cut is None else words[:cut] if words[0] == "add" else words[cut:]
    colours = [word for word in requested if word in COLOURS]
    patterns = [_PATTERNS[word] for word in requested if word in _PATTERNS]
    return (colours[-1] if colours else None), (patterns[-1] if patterns else None)


def _triplet(item: Item, instruction: str) -> Triplet:
    assert item.target
    garment, (colour, pattern) = garment_in(instruction), requested_fabric(instruction)
    if garment and (colour or pattern):
        caption = recaption(item.caption, garment, colour=colour, pattern=pattern)
    else:
        caption = add_phrase(item.caption, instruction)
    return Triplet.from_item(
        item,
        kind="given",
        instruction=instruction,
        target=item.target,
        target_caption=caption,
        garment=garment or item.garment,
        factor=name_factor(colour, pattern),
    )
