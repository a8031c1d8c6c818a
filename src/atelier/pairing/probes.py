"""Probes: test pictures × the paper's four prompts, with the exact answer where the picture was rendered.

The prompts name a shirt, the clothes, or nothing at all; here they name the garment worn on top. So only pictures of
such an item serve, and of those only the ones that all four prompts would change.
"""

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from atelier import world
from atelier.images import from_png, to_png
from atelier.instructions import PROMPTS
from atelier.pairing.recolour import name_colour
from atelier.pairing.wording import find_mention, recaption
from atelier.records import Item, Probe

SLOT = "upper"
_ASKED = {factor: {value for kind, value in PROMPTS.values() if kind == factor} for factor in ("colour", "pattern")}


def choose_sources(items: Sequence[Item], count: int, seed: int) -> list[Item]:
    """At most `count` test pictures that all four prompts change, from as many garment items as there are."""
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if item.split == "test" and _all_prompts_change(item):
            groups[item.item_id].append(item)
    rng = random.Random(f"{seed}:probes")
    shuffled = [rng.sample(group, len(group)) for group in groups.values()]
    rng.shuffle(shuffled)
    in_turn = (item for turn in itertools.zip_longest(*shuffled) for item in turn if item is not None)
    return list(itertools.islice(in_turn, count))


def _all_prompts_change(item: Item) -> bool:
    if item.slot != SLOT:
        return False
    if item.scene:
        worn = world.Scene.from_json(item.scene).garments[SLOT]
        return worn.colour not in _ASKED["colour"] and worn.pattern not in _ASKED["pattern"]
    said = find_mention(item.caption, item.garment)
    if said and (said.colour in _ASKED["colour"] or said.pattern in _ASKED["pattern"]):
        return False
    if item.mask and not (said and said.colour):
        return name_colour(from_png(item.image), from_png(item.mask) >= 128) not in _ASKED["colour"]
    return True


def make_probes(items: Sequence[Item]) -> Iterator[Probe]:
    """Four probes of each picture, one per prompt."""
    for item in items:
        yield from _rendered_probes(item, item.scene) if item.scene else _photographed_probes(item)


def _rendered_probes(item: Item, program: str) -> Iterator[Probe]:
    scene = world.Scene.from_json(program)
    layout = world.lay_out(scene, from_png(item.image).shape[0])
    masks = {slot: to_png(layout.masks[slot].astype("uint8") * 255) for slot in scene.garments}
    exact = masks.pop(SLOT)
    for number, (factor, value) in enumerate(PROMPTS.values()):
        edited = world.edit(scene, SLOT, **{factor: value})
        yield replace(
            _probe(item, number, (world.describe_scene(scene), world.describe_scene(edited))),
            target=to_png(world.paint(edited, layout)),
            exact_mask=exact,
            other_mask=next(iter(masks.values()), None),
        )


def _photographed_probes(item: Item) -> Iterator[Probe]:
    for number, (factor, value) in enumerate(PROMPTS.values()):
        yield _probe(item, number, (item.caption, recaption(item.caption, item.garment, **{factor: value})))


def _probe(item: Item, number: int, captions: tuple[str, str]) -> Probe:
    """The probe of one prompt, by its number, as far as every data set knows it."""
    prompt, (factor, value) = list(PROMPTS.items())[number]
    return Probe(
        probe_id=f"{item.image_id}-{number}",
        domain=item.domain,
        source_id=item.image_id,
        item_id=item.item_id,
        person_id=item.person_id,
        prompt=prompt,
        garment=item.garment,
        factor=factor,
        value=value,
        source_caption=captions[0],
        target_caption=captions[1],
        source=item.image,
        mask=item.mask,
        box=item.box,
        target=None,
        exact_mask=None,
        other_mask=None,
    )
