"""Given pairs: the triplets that a data set brings (MagicBrush, InstructPix2Pix, the user's own), used unchanged.

Where such a data set gives no garment, factor or target caption, they are derived from the instruction: garment and
factor are read from its words; the target's caption is the source's with that garment's new fabric or, if the
instruction names no fabric, the source's caption with the instruction added.
"""

import random
from collections.abc import Iterator, Sequence

from atelier.common.records import Item, Triplet
from atelier.pairs.index import Fetch, IndexEntry
from atelier.text.captions import add_phrase, name_factor, recaption
from atelier.text.requests import read_request


def make_given(entries: Sequence[IndexEntry], fetch: Fetch, seed: int) -> Iterator[Triplet]:
    """Yield the triplet of every item that has an instruction, in a seeded order."""
    order = [entry for entry in entries if entry.instruction is not None]
    random.Random(f"{seed}:given").shuffle(order)
    for entry in order:
        yield _triplet(fetch(entry), entry.instruction)


def _triplet(item: Item, instruction: str) -> Triplet:
    assert item.target
    asked = read_request(instruction)
    if asked.garment and (asked.colour or asked.pattern):
        caption = recaption(item.caption, asked.garment, colour=asked.colour, pattern=asked.pattern)
    else:
        caption = add_phrase(item.caption, instruction)
    return Triplet.from_item(
        item,
        kind="given",
        instruction=instruction,
        target=item.target,
        target_caption=caption,
        garment=asked.garment or item.garment,
        factor=name_factor(asked.colour, asked.pattern),
    )
