"""Probes: test pictures × the paper's four prompts, with the exact target where the picture was rendered.

The prompts name a shirt, the clothes, or no garment. Here they refer to the upper garment, or to the clothes where a
data set does not name their type. So only pictures of such an item are used, and of those only the ones that all four
prompts would change. The mask in a data set of triplets marks the region of that data set's instruction, not the
garment of the prompts; the segmenter predicts the mask of such a probe.
"""

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence

from atelier.common.iterables import take_turns
from atelier.common.records import Item, Probe
from atelier.images.tensors import from_png, mask_from_png, mask_to_png, to_png
from atelier.pairs.index import Fetch, IndexEntry
from atelier.pairs.recolour import name_colour
from atelier.synthetic import fashion
from atelier.text.captions import find_mention, recaption
from atelier.text.garments import UNKNOWN_GARMENT
from atelier.text.instructions import PROMPTS

SLOT = "upper"
_REQUESTED = {
    factor: {value for changed, value in PROMPTS.values() if changed == factor} for factor in ("colour", "pattern")
}


def choose_sources(entries: Sequence[IndexEntry], fetch: Fetch, count: int, seed: int) -> list[IndexEntry]:
    """Choose at most `count` test pictures that all four prompts change, from as many garment items as possible."""
    groups: dict[str, list[IndexEntry]] = defaultdict(list)
    for entry in entries:
        if entry.split == "test" and _metadata_allows(entry):
            groups[entry.item_id].append(entry)
    rng = random.Random(f"{seed}:probes")
    shuffled = [rng.sample(group, len(group)) for group in groups.values()]
    rng.shuffle(shuffled)
    # lazy: of ten thousand pictures, little more than `count` are read
    usable = (filter(lambda entry: _picture_allows(entry, fetch), group) for group in shuffled)
    return list(itertools.islice(take_turns(usable), count))


def _metadata_allows(entry: IndexEntry) -> bool:
    """Whether each prompt would change an item, judged by its metadata."""
    if entry.slot != SLOT and entry.garment != UNKNOWN_GARMENT:
        return False
    if entry.scene:
        worn = fashion.Scene.from_json(entry.scene).garments[SLOT]
        return worn.colour not in _REQUESTED["colour"] and worn.pattern not in _REQUESTED["pattern"]
    mention = find_mention(entry.caption, entry.garment)
    return not (mention and (mention.colour in _REQUESTED["colour"] or mention.pattern in _REQUESTED["pattern"]))


def _picture_allows(entry: IndexEntry, fetch: Fetch) -> bool:
    """Whether a photograph shows no requested colour; measured if its caption names no colour and it has a mask."""
    mention = find_mention(entry.caption, entry.garment)
    if entry.scene or not entry.shows_garment or (mention and mention.colour):
        return True
    item = fetch(entry)
    assert item.mask
    return name_colour(from_png(item.image), mask_from_png(item.mask)) not in _REQUESTED["colour"]


def make_probes(entries: Sequence[IndexEntry], fetch: Fetch) -> Iterator[Probe]:
    """Yield four probes of each picture, one per prompt."""
    for item in map(fetch, entries):
        yield from _rendered_probes(item, item.scene) if item.scene else _photographed_probes(item)


def _rendered_probes(item: Item, program: str) -> Iterator[Probe]:
    scene = fashion.Scene.from_json(program)
    layout = fashion.lay_out(scene, from_png(item.image).shape[0])
    masks = {slot: mask_to_png(layout.masks[slot]) for slot in (*scene.garments, "face")}
    exact, face = masks.pop(SLOT), masks.pop("face")
    worn = scene.garments[SLOT]
    for number, (factor, value) in enumerate(PROMPTS.values()):
        edited = fashion.edit(scene, SLOT, **{factor: value})
        yield _probe(
            item,
            number,
            source_caption=fashion.describe_scene(scene),
            target_caption=fashion.describe_scene(edited),
            target=to_png(fashion.paint(edited, layout)),
            exact_mask=exact,
            other_mask=next(iter(masks.values()), None),
            face_mask=face if layout.masks["face"].any() else None,
            noop=f"make the {worn.kind} {worn.colour}",
        )


def _photographed_probes(item: Item) -> Iterator[Probe]:
    mention = find_mention(item.caption, item.garment)
    noop = f"make the {item.garment} {mention.colour}" if mention and mention.colour else None
    for number, (factor, value) in enumerate(PROMPTS.values()):
        target_caption = recaption(item.caption, item.garment, **{factor: value})
        yield _probe(item, number, source_caption=item.caption, target_caption=target_caption, noop=noop)


def _probe(item: Item, number: int, **fields: str | bytes | None) -> Probe:
    """Make the probe of one prompt, given by its number in PROMPTS."""
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
        source=item.image,
        mask=item.mask if item.instruction is None else None,
        box=item.box,
        **fields,
    )
