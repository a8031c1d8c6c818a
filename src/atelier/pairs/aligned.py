"""Aligned pairs: source and target differ in one garment's fabric and in nothing else.

The target of a rendered source is exact: its scene is rendered again with the fabric changed. A photograph with a mask
is recoloured inside the mask in CIELAB.
"""

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from atelier import scenes
from atelier.common.iterables import take_turns
from atelier.common.records import Item, Triplet
from atelier.images.tensors import from_png, mask_from_png, mask_to_png, to_png
from atelier.pairs.index import Fetch, IndexEntry
from atelier.pairs.prompts import own_slot
from atelier.pairs.recolour import name_colour, recolour
from atelier.text.captions import find_mention, name_factor, recaption, shows_layers
from atelier.text.colours import is_held_out
from atelier.text.differences import CONTRADICTORY
from atelier.text.instructions import RENDERED_COLOURS, RENDERED_PATTERNS, correct_articles, instruct
from atelier.text.lexicon import may_be_same

FACTORS = {"colour": 0.45, "pattern": 0.45, "both": 0.10}  # probability of each change
OTHER_GARMENT = 0.4  # share of edits of the garment that is not the item, so that garment names keep their meaning


@dataclass(frozen=True)
class Change:
    """New colour and pattern of the garment worn in `slot`; None: unchanged."""

    slot: str
    colour: str | None
    pattern: str | None

    @property
    def factor(self) -> str:
        return name_factor(self.colour, self.pattern)


def make_aligned(
    entries: Sequence[IndexEntry], fetch: Fetch, seed: int, *, held_out: bool, refused: Counter[str]
) -> Iterator[Triplet]:
    """Yield every possible aligned triplet in a seeded order that uses each source once before any twice.

    Args:
        held_out: whether fabrics excluded from training are allowed, in the source and in the target.
        refused: counts the photographs whose caption does not say which garment it means, by reason.
    """

    def queue(entry: IndexEntry) -> Iterator[tuple[IndexEntry, Change]]:
        rng = random.Random(f"{seed}:{entry.image_id}")
        return zip(itertools.repeat(entry), draw_changes(entry, fetch, rng, held_out=held_out), strict=False)

    order = list(entries)
    random.Random(f"{seed}:aligned").shuffle(order)
    certain = [entry for entry in order if entry.scene or not _is_ambiguous(entry)]
    refused[CONTRADICTORY] += len(order) - len(certain)
    for entry, change in take_turns(queue(entry) for entry in certain):
        make = _render if entry.scene else _recolour
        yield make(fetch(entry), change, random.Random(f"{seed}:{entry.image_id}:{change}"))


def draw_changes(entry: IndexEntry, fetch: Fetch, rng: random.Random, *, held_out: bool) -> Iterator[Change]:
    """Yield all changes that a source allows, each once, drawn with the probabilities of garments and factors.

    A photograph allows every named colour but its garment's own; a photograph without a garment mask allows none.
    """
    if entry.scene is None:
        colours = _other_colours(fetch(entry)) if entry.shows_garment else []
        rng.shuffle(colours)
        yield from (Change(entry.slot, colour, None) for colour in colours)
        return
    scene = scenes.read_scene(entry.scene)
    if scene.held_out and not held_out:
        return
    own = own_slot(entry, scene)
    pools: dict[tuple[str, str], list[Change]] = {}
    for slot, worn in scene.garments.items():
        patterns = dict.fromkeys((*RENDERED_PATTERNS, worn.pattern))
        for colour, pattern in itertools.product(_colours_beside(worn.colour), patterns):
            change = Change(
                slot, colour if colour != worn.colour else None, pattern if pattern != worn.pattern else None
            )
            if (change.colour or change.pattern) and (held_out or not is_held_out(colour, pattern)):
                pools.setdefault((slot, change.factor), []).append(change)
    for pool in pools.values():
        rng.shuffle(pool)
    while pools:
        keys = list(pools)
        weights = [(OTHER_GARMENT if slot != own else 1 - OTHER_GARMENT) * FACTORS[factor] for slot, factor in keys]
        key = rng.choices(keys, weights)[0]
        yield pools[key].pop()
        if not pools[key]:
            del pools[key]


def _colours_beside(worn: str) -> list[str]:
    """Return the ten colours and the worn one, without those of the ten that can mean the worn one (navy is blue)."""
    if worn in RENDERED_COLOURS:
        return [*RENDERED_COLOURS]
    return [*(colour for colour in RENDERED_COLOURS if not may_be_same(colour, worn)), worn]


def _is_ambiguous(entry: IndexEntry) -> bool:
    """Whether a caption names two such garments, so that its target caption would be wrong."""
    mention = find_mention(entry.caption, entry.garment)
    return mention is not None and mention.contradicts


def _other_colours(item: Item) -> list[str]:
    """Return the named colours that the garment of a photograph has neither inside its mask nor in its caption."""
    assert item.mask
    mention = find_mention(item.caption, item.garment)
    current = {
        name_colour(from_png(item.image), mask_from_png(item.mask), RENDERED_COLOURS),
        mention.colour if mention else None,
    }
    return [colour for colour in RENDERED_COLOURS if colour not in current]


def _render(item: Item, change: Change, rng: random.Random) -> Triplet:
    """Make the triplet of a rendered source: render its scene again with one garment's fabric changed."""
    assert item.scene
    scene = scenes.read_scene(item.scene)
    edited = scenes.edit(scene, change.slot, colour=change.colour, pattern=change.pattern)
    rendered = scenes.render(edited, from_png(item.image).shape[0])
    mask = mask_to_png(rendered.masks[change.slot])
    return _triplet(
        item,
        change,
        rng,
        garment=scene.garments[change.slot].kind,
        source_caption=scenes.describe_scene(scene),
        target_caption=scenes.describe_scene(edited),
        box=item.box if change.slot == own_slot(item, scene) else None,
        target=to_png(rendered.image),
        source_mask=mask,
        target_mask=mask,
    )


def _recolour(item: Item, change: Change, rng: random.Random) -> Triplet:
    """Make the triplet of a photograph: recolour its garment inside its mask."""
    assert item.mask
    assert change.colour  # `draw_changes` yields only colours for photographs
    return _triplet(
        item,
        change,
        rng,
        garment=item.garment,
        target_caption=recaption(item.caption, item.garment, colour=change.colour),
        target=to_png(recolour(from_png(item.image), mask_from_png(item.mask), change.colour)),
    )


def _triplet(item: Item, change: Change, rng: random.Random, *, garment: str, **fields: Any) -> Triplet:
    layers = shows_layers(fields.get("source_caption", item.caption))
    instruction = instruct(rng, garment, colour=change.colour, pattern=change.pattern, layers=layers)
    return Triplet.from_item(
        item,
        kind="aligned",
        instruction=instruction if item.scene else correct_articles(instruction),
        garment=garment,
        factor=change.factor,
        **fields,
    )
