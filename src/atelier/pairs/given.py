"""Given pairs: what a data set of triplets brings (MagicBrush, InstructPix2Pix, one's own), taken as it is.

Ours, where such a data set is silent: which garment and factor an instruction is about is read from its words; the
target's caption is the source's with that garment's new fabric or, where the words say no such thing, with the
instruction behind it.
"""

import random
import re
from collections.abc import Iterator, Sequence

from atelier.common.records import Item, Triplet
from atelier.pairs.index import Fetch, Listing
from atelier.text.captions import PATTERN_WORDS, name_factor, recaption
from atelier.text.garments import garment_in
from atelier.text.instructions import COLOURS

_NOUNS = {"stripes": "stripes", "flowers": "floral", "dots": "dots", "polka": "dots", "checks": "plaid"}
_PATTERNS = PATTERN_WORDS | _NOUNS


def make_given(listings: Sequence[Listing], fetch: Fetch, seed: int) -> Iterator[Triplet]:
    """The triplet of every item that brings an instruction, in a seeded order."""
    order = [listing for listing in listings if listing.instruction is not None]
    random.Random(f"{seed}:given").shuffle(order)
    for listing in order:
        yield _triplet(fetch(listing), listing.instruction)


def asked_for(instruction: str) -> tuple[str | None, str | None]:
    """(colour, pattern) that an instruction asks for, None where it names none; of several the last counts.

    They stand behind "to", as in "change the red shirt to blue", or before it, as in "add dots to the red shirt".
    """
    words = re.findall(r"[\w'-]+", instruction.lower())
    cut = max((number for number, word in enumerate(words) if word in ("to", "into")), default=None)
    asked = words if cut is None else words[:cut] if words[0] == "add" else words[cut:]
    colours = [word for word in asked if word in COLOURS]
    patterns = [_PATTERNS[word] for word in asked if word in _PATTERNS]
    return (colours[-1] if colours else None), (patterns[-1] if patterns else None)


def _triplet(item: Item, instruction: str) -> Triplet:
    assert item.target
    garment, (colour, pattern) = garment_in(instruction), asked_for(instruction)
    if garment and (colour or pattern):
        caption = recaption(item.caption, garment, colour=colour, pattern=pattern)
    else:
        caption = f"{item.caption}, {instruction}"
    return Triplet(
        triplet_id="",  # numbered once it is known which are kept
        split=item.split,
        kind="given",
        item_id=item.item_id,
        person_id=item.person_id,
        source_id=item.image_id,
        instruction=instruction,
        source_caption=item.caption,
        target_caption=caption,
        garment=garment or item.garment,
        factor=name_factor(colour, pattern),
        source=item.image,
        target=item.target,
        source_mask=item.mask,
        target_mask=item.mask,
        box=item.box,
    )
