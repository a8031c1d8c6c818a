"""Same-item pairs, as in the paper: two pictures of one garment item in one view, in two of its colour variants.

They are different photographs, so pose, person and background may differ as well. Where the two variants' difference
cannot be named for certain, no pair is made: a wrong instruction teaches the wrong edit.
"""

import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from atelier.common.errors import RefusedError
from atelier.common.iterables import take_turns
from atelier.common.records import Item, Triplet
from atelier.images.tensors import from_png, mask_from_png
from atelier.pairs.index import Fetch, IndexEntry
from atelier.pairs.recolour import measure_colour
from atelier.scenes import Scene, read_scene, same_shot
from atelier.text.captions import name_factor, shows_layers
from atelier.text.differences import MEASURABLE, name_difference
from atelier.text.instructions import correct_articles, instruct
from atelier.text.lexicon import may_be_same


def make_same_item(
    entries: Sequence[IndexEntry], fetch: Fetch, seed: int, *, held_out: bool, refused: Counter[str]
) -> Iterator[Triplet]:
    """Yield every possible same-item triplet in a seeded order that cycles through items and views.

    Args:
        held_out: whether pictures of fabrics excluded from training are allowed.
        refused: counts the pairs of photographs whose difference cannot be named for certain, by reason.
    """
    rng = random.Random(f"{seed}:same_item")
    pairs = []
    for group in group_variants(entries, held_out=held_out):
        drawn = {entry.image_id: read_scene(entry.scene) for entry in group if entry.scene}
        ordered = [pair for pair in itertools.permutations(group, 2) if _differ(*pair, drawn)]
        rng.shuffle(ordered)
        pairs.append(ordered)
    rng.shuffle(pairs)
    for source, target in take_turns(iter(ordered) for ordered in pairs):
        try:
            yield _pair(fetch(source), fetch(target), random.Random(f"{seed}:{source.image_id}:{target.image_id}"))
        except RefusedError as reason:
            refused[str(reason)] += 1


def group_variants(entries: Sequence[IndexEntry], *, held_out: bool = True) -> list[list[IndexEntry]]:
    """Group the pictures of one item in one known view; keep groups with at least two colour variants."""
    groups: dict[tuple[str, str], list[IndexEntry]] = defaultdict(list)
    for entry in entries:
        if entry.view and (held_out or entry.scene is None or not read_scene(entry.scene).held_out):
            groups[entry.item_id, entry.view].append(entry)
    return [group for group in groups.values() if len({entry.variant for entry in group}) > 1]


def _differ(source: IndexEntry, target: IndexEntry, drawn: Mapping[str, Scene]) -> bool:
    """Whether two pictures show two variants, and are not made from one stored shot: that target would be exact."""
    programs = [drawn.get(entry.image_id) for entry in (source, target)]
    return source.variant != target.variant and not (all(programs) and same_shot(*programs))


def _pair(source: Item, target: Item, rng: random.Random) -> Triplet:
    """Make a triplet of two pictures.

    Raises:
        RefusedError: the difference of their garments cannot be named for certain.
    """
    colour, pattern = find_difference(source, target)
    instruction = instruct(rng, source.garment, colour=colour, pattern=pattern, layers=shows_layers(source.caption))
    return Triplet.from_item(
        source,
        kind="same_item",
        instruction=instruction if source.scene else correct_articles(instruction),
        target=target.image,
        target_caption=target.caption,
        factor=name_factor(colour, pattern),
        target_mask=target.mask,
        box=None,  # the source's box need not contain the target's garment
    )


def find_difference(source: Item, target: Item) -> tuple[str | None, str | None]:
    """Return the (colour, pattern) in which the target's garment differs from the source's.

    Read from the captions. Where these leave the colour open, it is measured in the pictures, inside the masks.

    Raises:
        RefusedError: neither names the difference for certain.
    """
    named = name_difference(source.caption, target.caption, source.garment)
    if named.doubt is None:
        return named.colour, named.pattern
    if named.doubt not in MEASURABLE or source.mask is None or target.mask is None:
        raise RefusedError(named.doubt)
    before, after = (measure_colour(from_png(item.image), mask_from_png(item.mask)) for item in (source, target))
    if before is None or after is None:
        raise RefusedError("neither captions nor pictures show one colour")
    if may_be_same(before, after):
        raise RefusedError("pictures show colours whose names can mean the same")
    return (named.colour or after), named.pattern
