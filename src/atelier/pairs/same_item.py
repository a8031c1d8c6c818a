"""Same-item pairs, the paper's: two pictures of one garment item in one view, in two of its colour ways.

Different photographs, so pose, person and background may differ too.
"""

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence

from atelier.common.iterables import take_turns
from atelier.common.records import Item, Triplet
from atelier.images.tensors import from_png, mask_from_png
from atelier.pairs.index import Fetch, Listing
from atelier.pairs.recolour import name_colour
from atelier.synthetic import fashion
from atelier.text.captions import find_mention, name_factor
from atelier.text.instructions import instruct


def make_same_item(listings: Sequence[Listing], fetch: Fetch, seed: int, *, held_out: bool) -> Iterator[Triplet]:
    """Every same-item triplet that the items allow, in a seeded order that takes each item and view in turn.

    Args:
        held_out: whether pictures of fabrics that training must never see are allowed.
    """
    rng = random.Random(f"{seed}:same_item")
    pairs = []
    for group in group_variants(listings, held_out=held_out):
        ordered = [pair for pair in itertools.permutations(group, 2) if pair[0].variant != pair[1].variant]
        rng.shuffle(ordered)
        pairs.append(ordered)
    rng.shuffle(pairs)
    for source, target in take_turns(iter(ordered) for ordered in pairs):
        wording = random.Random(f"{seed}:{source.image_id}:{target.image_id}")
        triplet = _pair(fetch(source), fetch(target), wording)
        if triplet is not None:
            yield triplet


def group_variants(listings: Sequence[Listing], *, held_out: bool = True) -> list[list[Listing]]:
    """Pictures of one item in one known view, where there are at least two colour ways of it."""
    groups: dict[tuple[str, str], list[Listing]] = defaultdict(list)
    for one in listings:
        if one.view and (held_out or one.scene is None or not fashion.Scene.from_json(one.scene).held_out):
            groups[one.item_id, one.view].append(one)
    return [group for group in groups.values() if len({one.variant for one in group}) > 1]


def _pair(source: Item, target: Item, rng: random.Random) -> Triplet | None:
    """The triplet of two pictures, or None where two rendered colour ways are the same."""
    colour, pattern = find_difference(source, target)
    if colour is None and pattern is None:
        if source.scene:
            return None
        instruction = f"show the {source.garment} in its other colour way"
    else:
        instruction = instruct(rng, source.garment, colour=colour, pattern=pattern)
    return Triplet(
        triplet_id="",  # numbered once it is known which are kept
        split=source.split,
        kind="same_item",
        item_id=source.item_id,
        person_id=source.person_id,
        source_id=source.image_id,
        instruction=instruction,
        source_caption=source.caption,
        target_caption=target.caption,
        garment=source.garment,
        factor=name_factor(colour, pattern),
        source=source.image,
        target=target.image,
        source_mask=source.mask,
        target_mask=target.mask,
        box=None,  # the source's box does not hold the target's garment
    )


def find_difference(source: Item, target: Item) -> tuple[str | None, str | None]:
    """(colour, pattern) that the target's garment has and the source's has not; None where no difference is known.

    From the captions; where they are silent on colour, from the pictures' own colours inside the masks.
    """
    before, after = (find_mention(item.caption, item.garment) for item in (source, target))
    colour = pattern = None
    if before and after:
        if after.colour and after.colour != before.colour:
            colour = after.colour
        stated = [found.pattern or "solid" for found in (before, after)]  # captions name prints, not plain fabrics
        pattern = stated[1] if stated[1] != stated[0] else None
    if colour is None and not (before and after and before.colour and after.colour) and source.mask and target.mask:
        shown = name_colour(from_png(target.image), mask_from_png(target.mask))
        colour = shown if shown != name_colour(from_png(source.image), mask_from_png(source.mask)) else None
    return colour, pattern
