"""Recoloured pairs: the target is made from a picture and its garment mask alone, as can be done with any photograph.

A plain garment is given another colour, or a print that keeps the garment's folds and light, inside of the mask. A
rendered picture is treated like a photograph: its scene program is never painted, so the target is not the exact one.
Garments with a print are left out, since their folds cannot be told from it.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from atelier.common.iterables import take_turns
from atelier.common.records import Item, Triplet
from atelier.images.tensors import from_png, mask_from_png, to_png
from atelier.pairs.index import Fetch, IndexEntry
from atelier.pairs.print_cloth import Lay, print_cloth
from atelier.pairs.recolour import measure_colour, recolour
from atelier.scenes import read_scene
from atelier.text.captions import find_mention, name_factor, recaption, shows_layers
from atelier.text.colours import is_held_out
from atelier.text.differences import CONTRADICTORY
from atelier.text.instructions import RENDERED_COLOURS, RENDERED_PATTERNS, correct_articles, instruct
from atelier.text.lexicon import may_be_same
from atelier.world.fabrics import CLOTH_RGB, PATTERNS

FACTORS = {"colour": 0.45, "pattern": 0.45, "both": 0.10}  # probability of each change, as in aligned pairs
BASIC = 0.75  # share of colours, and of prints, that are of the ten and the four of rendered data
DRAWS = 40  # of changes of one picture, repeats included
PRINTED = "garment with a print, or of several colours"
_CHANNEL = "recoloured"


@dataclass(frozen=True)
class _Look:
    """A garment's new colour and print; None: unchanged."""

    colour: str | None
    pattern: str | None


def make_recoloured(
    entries: Sequence[IndexEntry], fetch: Fetch, seed: int, *, held_out: bool, refused: Counter[str]
) -> Iterator[Triplet]:
    """Yield recoloured triplets in a seeded order that uses each source once before any twice.

    Args:
        held_out: whether fabrics excluded from training are allowed, in the source and in the target.
        refused: counts the pictures whose garment cannot be recoloured, by reason.
    """
    order = [entry for entry in entries if entry.shows_garment and (held_out or not _shows_held_out(entry))]
    random.Random(f"{seed}:{_CHANNEL}").shuffle(order)

    def queue(entry: IndexEntry) -> Iterator[tuple[IndexEntry, str, _Look]]:
        worn = _plain_colour(fetch(entry), refused)
        if worn:
            rng = random.Random(f"{seed}:{_CHANNEL}:{entry.image_id}")
            yield from ((entry, worn, look) for look in _draw_looks(worn, rng, held_out=held_out))

    for entry, worn, look in take_turns(queue(entry) for entry in order):
        yield _recolour(fetch(entry), worn, look, random.Random(f"{seed}:{_CHANNEL}:{entry.image_id}:{look}"))


def _shows_held_out(entry: IndexEntry) -> bool:
    """Whether a fabric in a picture is excluded from training, as far as its scene or its caption says."""
    if entry.scene:
        return read_scene(entry.scene).held_out
    mention = find_mention(entry.caption, entry.garment)
    return mention is not None and is_held_out(mention.colour or "", mention.pattern or "solid")


def _plain_colour(item: Item, refused: Counter[str]) -> str | None:
    """Return the colour of a garment that has one and no print: as its caption names it, or else measured."""
    assert item.mask
    mention = find_mention(item.caption, item.garment)
    if mention and mention.contradicts:
        refused[CONTRADICTORY] += 1
        return None
    shown = measure_colour(from_png(item.image), mask_from_png(item.mask))
    if shown is None or (mention and mention.pattern not in (None, "solid")):
        refused[PRINTED] += 1
        return None
    return mention.colour if mention and mention.colour else shown


def _draw_looks(worn: str, rng: random.Random, *, held_out: bool) -> Iterator[_Look]:
    """Yield changes of a plain garment, each once, drawn with the probabilities of factors, colours and prints."""
    known: set[_Look] = set()
    for _ in range(DRAWS):
        (factor,) = rng.choices(list(FACTORS), list(FACTORS.values()))
        colours = RENDERED_COLOURS if rng.random() < BASIC else tuple(CLOTH_RGB)
        colour = rng.choice([one for one in colours if not may_be_same(one, worn)])
        pattern = rng.choice((RENDERED_PATTERNS if rng.random() < BASIC else PATTERNS)[1:])
        look = _Look(None if factor == "pattern" else colour, None if factor == "colour" else pattern)
        fabric = look.colour or worn, look.pattern or "solid"
        if look not in known and fabric[0] in CLOTH_RGB and (held_out or not is_held_out(*fabric)):
            known.add(look)
            yield look


def _recolour(item: Item, worn: str, look: _Look, rng: random.Random) -> Triplet:
    assert item.mask
    pixels, mask = from_png(item.image), mask_from_png(item.mask)
    if look.pattern:
        target = print_cloth(pixels, mask, look.colour, worn, look.pattern, Lay.draw(rng))
    else:
        assert look.colour
        target = recolour(pixels, mask, look.colour)
    layers = shows_layers(item.caption)
    instruction = instruct(rng, item.garment, colour=look.colour, pattern=look.pattern, layers=layers)
    return Triplet.from_item(
        item,
        kind="recoloured",
        instruction=instruction if item.scene else correct_articles(instruction),
        target=to_png(target),
        target_caption=recaption(item.caption, item.garment, colour=look.colour, pattern=look.pattern),
        factor=name_factor(look.colour, look.pattern),
    )
