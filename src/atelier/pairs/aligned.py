"""Aligned pairs: source and target differ in one garment's fabric and in nothing else.

A rendered source is rendered again with one factor of its scene changed, so that the target is exact. A photograph with
a mask is recoloured through it in CIELAB.
"""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from atelier.common.iterables import take_turns
from atelier.common.records import Item, Triplet
from atelier.images.tensors import from_png, mask_from_png, mask_to_png, to_png
from atelier.pairs.index import Fetch, Listing
from atelier.pairs.recolour import name_colour, recolour
from atelier.synthetic import fashion
from atelier.text.captions import find_mention, name_factor, recaption
from atelier.text.instructions import COLOURS, PATTERNS, instruct

FACTORS = {"colour": 0.45, "pattern": 0.45, "both": 0.10}  # how often each is changed
OTHER_GARMENT = 0.4  # share of the edits of the garment that is not the item: names of garments keep their meaning


@dataclass(frozen=True)
class Change:
    """What an edit gives the garment worn in `slot`; None stays as it is."""

    slot: str
    colour: str | None
    pattern: str | None

    @property
    def factor(self) -> str:
        return name_factor(self.colour, self.pattern)


def make_aligned(listings: Sequence[Listing], fetch: Fetch, seed: int, *, held_out: bool) -> Iterator[Triplet]:
    """Every aligned triplet that the items allow, in a seeded order that takes each source once before any twice.

    Args:
        held_out: whether fabrics that training must never see are allowed, in the source and in the target.
    """

    def queue(listing: Listing) -> Iterator[tuple[Listing, Change]]:
        rng = random.Random(f"{seed}:{listing.image_id}")
        return zip(itertools.repeat(listing), draw_changes(listing, fetch, rng, held_out=held_out), strict=False)

    order = list(listings)
    random.Random(f"{seed}:aligned").shuffle(order)
    for listing, change in take_turns(queue(listing) for listing in order):
        wording = random.Random(f"{seed}:{listing.image_id}:{change}")
        yield (_render if listing.scene else _recolour)(fetch(listing), change, wording)


def draw_changes(listing: Listing, fetch: Fetch, rng: random.Random, *, held_out: bool) -> Iterator[Change]:
    """All changes that a source allows, each once, drawn by the shares of garments and factors.

    A photograph allows its garment in every named colour but its own; one without its garment's mask allows none.
    """
    if listing.scene is None:
        colours = _other_colours(fetch(listing)) if listing.shows_garment else []
        rng.shuffle(colours)
        yield from (Change(listing.slot, colour, None) for colour in colours)
        return
    scene = fashion.Scene.from_json(listing.scene)
    if scene.held_out and not held_out:
        return
    pools: dict[tuple[str, str], list[Change]] = {}
    for slot, worn in scene.garments.items():
        for colour, pattern in itertools.product(COLOURS, PATTERNS):
            change = Change(
                slot, colour if colour != worn.colour else None, pattern if pattern != worn.pattern else None
            )
            if (change.colour or change.pattern) and (held_out or not fashion.is_held_out(colour, pattern)):
                pools.setdefault((slot, change.factor), []).append(change)
    for pool in pools.values():
        rng.shuffle(pool)
    while pools:
        keys = list(pools)
        weights = [
            (OTHER_GARMENT if slot != listing.slot else 1 - OTHER_GARMENT) * FACTORS[factor] for slot, factor in keys
        ]
        key = rng.choices(keys, weights)[0]
        yield pools[key].pop()
        if not pools[key]:
            del pools[key]


def _other_colours(item: Item) -> list[str]:
    """The named colours that a photograph's garment has not, going by its mask and its caption."""
    assert item.mask
    said = find_mention(item.caption, item.garment)
    current = {name_colour(from_png(item.image), mask_from_png(item.mask)), said.colour if said else None}
    return [colour for colour in COLOURS if colour not in current]


def _render(item: Item, change: Change, rng: random.Random) -> Triplet:
    """The triplet of a rendered source: its scene with one garment's fabric changed, rendered again."""
    assert item.scene
    scene = fashion.Scene.from_json(item.scene)
    edited = fashion.edit(scene, change.slot, colour=change.colour, pattern=change.pattern)
    rendered = fashion.render(edited, from_png(item.image).shape[0])
    mask = mask_to_png(rendered.masks[change.slot])
    return _triplet(
        item,
        change,
        garment=scene.garments[change.slot].kind,
        rng=rng,
        captions=(fashion.describe_scene(scene), fashion.describe_scene(edited)),
        target=to_png(rendered.image),
        mask=mask,
    )


def _recolour(item: Item, change: Change, rng: random.Random) -> Triplet:
    """The triplet of a photograph: its garment recoloured through its mask."""
    assert item.mask
    assert change.colour  # `draw_changes` gives a photograph nothing else
    target = recolour(from_png(item.image), mask_from_png(item.mask), change.colour)
    return _triplet(
        item,
        change,
        garment=item.garment,
        rng=rng,
        captions=(item.caption, recaption(item.caption, item.garment, colour=change.colour)),
        target=to_png(target),
        mask=item.mask,
    )


def _triplet(
    item: Item,
    change: Change,
    *,
    garment: str,
    rng: random.Random,
    captions: tuple[str, str],
    target: bytes,
    mask: bytes,
) -> Triplet:
    return Triplet(
        triplet_id="",  # numbered once it is known which are kept
        split=item.split,
        kind="aligned",
        item_id=item.item_id,
        person_id=item.person_id,
        source_id=item.image_id,
        instruction=instruct(rng, garment, colour=change.colour, pattern=change.pattern),
        source_caption=captions[0],
        target_caption=captions[1],
        garment=garment,
        factor=change.factor,
        source=item.image,
        target=target,
        source_mask=mask,
        target_mask=mask,
        box=item.box if change.slot == item.slot else None,
    )
