"""Same-item pairs, as in the paper: two pictures of one garment item in one view, in two of its colour variants.

They are different photographs, so pose, person and background may differ as well.
"""

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence

from atelier.common.iterables import take_turns
from atelier.common.records import Item, Triplet
from atelier.images.tensors import from_png, mask_from_png
from atelier.pairs.index import Fetch, IndexEntry
from atelier.pairs.recolour import name_colour
from atelier.synthetic import fashion
from atelier.text.captions import find_mention, name_factor
from atelier.text.instructions import instruct


def make_same_item(entries: Sequence[IndexEntry], fetch: Fetch, seed: int, *, held_out: bool) -> Iterator[Triplet]:
    """Yield every possible same-item triplet in a seeded order that cycles through items and views.

    Args:
        held_out: whether pictures of fabrics excluded from training are allowed.
    """
    rng = random.Random(f"{seed}:same_item")
    pairs = []
    for group in group_variants(entries, held_out=held_out):
        ordered = [pair for pair in itertools.permutations(group, 2) if pair[0].variant != pair[1].variant]
        rng.shuffle(ordered)
        pairs.append(ordered)
    rng.shuffle(pairs)
    for source, target in take_turns(iter(ordered) for ordered in pairs):
        triplet = _pair(fetch(source), fetch(target), random.Random(f"{seed}:{source.image_id}:{target.image_id}"))
        if triplet is not None:
            yield triplet


def group_variants(entries: Sequence[IndexEntry], *, held_out: bool = True) -> list[list[IndexEntry]]:
    """Group the pictures of one item in one known view; keep groups with at least two colour variants."""
    groups: dict[tuple[str, str], list[IndexEntry]] = defaultdict(list)
    for entry in entries:
        if entry.view and (held_out or entry.scene is None or not fashion.Scene.from_json(entry.scene).held_out):
            groups[entry.item_id, entry.view].append(entry)
    return [group for group in groups.values() if len({entry.variant for entry in group}) > 1]


def _pair(source: Item, target: Item, rng: random.Random) -> Triplet | None:
    """Make a triplet of two pictures; None if two rendered variants have the same fabric."""
    colour, pattern = find_difference(source, target)
    if colour is None and pattern is None:
        if source.scene:
            return None
        instruction = f"show the {source.garment} in its other colour way"
    else:
        instruction = instruct(rng, source.garment, colour=colour, pattern=pattern)
    return Triplet.from_item(
        source,
        kind="same_item",
        instruction=instruction,
        target=target.image,
        target_caption=target.caption,
        factor=name_factor(colour, pattern),
        target_mask=target.mask,
        box=None,  # the source's box need not contain the target's garment
    )


def find_difference(source: Item, target: Item) -> tuple[str | None, str | None]:
    """Return the (colour, pattern) in which the target's garment differs from the source's; None: no known difference.

    Read from the captions; where they name no colour, it is measured in the pictures, inside the masks.
    """
    before, after = (find_mention(item.caption, item.garment) for item in (source, target))
    colour = pattern = None
    if before and after:
        if after.colour and after.colour != before.colour:
            colour = after.colour
        stated = [mention.pattern or "solid" for mention in (before, after)]  # captions omit solid fabrics
        pattern = stated[1] if stated[1] != stated[0] else None
    if colour is None and not (before and after and before.colour and after.colour) and source.mask and target.mask:
        shown = name_colour(from_png(target.image), mask_from_png(target.mask))
        colour = shown if shown != name_colour(from_png(source.image), mask_from_png(source.mask)) else None
    return colour, pattern
