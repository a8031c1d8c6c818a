"""Test triplets: pairs held out from training, to be edited and evaluated against their own targets.

The paper evaluates on them beside the pictures of another data set. Given pairs come first, since their targets are
real edits of their sources; then same-item pairs, the paper's; then recoloured and aligned ones.
"""

from collections.abc import Iterable, Iterator

from atelier.common.records import TESTS, TestProbe, Triplet
from atelier.pairs.prompts import Prompt
from atelier.text.requests import read_request

KINDS = ("given", "same_item", "recoloured", "aligned")


def choose_tests(triplets: Iterable[Triplet], count: int) -> list[Triplet]:
    """Choose at most `count` triplets of the test split, by kind in the order of `KINDS`, then in their own order."""
    chosen: list[Triplet] = []
    for triplet in triplets if count else ():
        chosen.append(triplet)
        chosen = sorted(chosen, key=lambda one: KINDS.index(one.kind))[:count]  # stable; holds few pictures
    return chosen


def make_tests(triplets: Iterable[Triplet], rendered: frozenset[str]) -> Iterator[TestProbe]:
    """Yield the probe of each triplet.

    Args:
        rendered: image_id of the rendered pictures, whose masks are exact.
    """
    for triplet in triplets:
        asked = read_request(triplet.instruction)
        prompt = Prompt(triplet.instruction, triplet.garment, asked.colour, asked.pattern, asked.fabric)
        yield TestProbe(
            probe_id=triplet.triplet_id,
            domain=TESTS,
            source_id=triplet.source_id,
            item_id=triplet.item_id,
            person_id=triplet.person_id,
            prompt=triplet.instruction,
            garment=triplet.garment,
            factor=prompt.factor,
            value=prompt.value,
            source_caption=triplet.source_caption,
            target_caption=triplet.target_caption,
            source=triplet.source,
            mask=triplet.source_mask,
            box=triplet.box,
            target=triplet.target,
            exact_mask=triplet.source_mask if triplet.source_id in rendered else None,
            kind=triplet.kind,
        )
