"""Probes: test pictures × the paper's four prompts, with the exact answer where the picture was rendered.

The prompts name a shirt, the clothes, or nothing at all; here they name the garment worn on top, or the clothes where a
data set does not say which they are. So only pictures of such an item serve, and of those only the ones that all four
prompts would change. The mask that a data set of triplets brings is of its own instruction's change, not of what the
prompts name: there the segmenter is asked.
"""

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from atelier.common.iterables import take_turns
from atelier.common.records import Item, Probe
from atelier.images.tensors import from_png, mask_from_png, mask_to_png, to_png
from atelier.pairs.index import Fetch, Listing
from atelier.pairs.recolour import name_colour
from atelier.synthetic import fashion
from atelier.text.captions import find_mention, recaption
from atelier.text.garments import UNKNOWN_GARMENT
from atelier.text.instructions import PROMPTS

SLOT = "upper"
_ASKED = {factor: {value for kind, value in PROMPTS.values() if kind == factor} for factor in ("colour", "pattern")}


def choose_sources(listings: Sequence[Listing], fetch: Fetch, count: int, seed: int) -> list[Listing]:
    """At most `count` test pictures that all four prompts change, from as many garment items as there are."""
    groups: dict[str, list[Listing]] = defaultdict(list)
    for listing in listings:
        if listing.split == "test" and _words_allow(listing):
            groups[listing.item_id].append(listing)
    rng = random.Random(f"{seed}:probes")
    shuffled = [rng.sample(group, len(group)) for group in groups.values()]
    rng.shuffle(shuffled)
    # A picture is looked at when its turn comes: of ten thousand, little more than `count` are.
    looked = (filter(lambda one: _picture_allows(one, fetch), group) for group in shuffled)
    return list(itertools.islice(take_turns(looked), count))


def _words_allow(listing: Listing) -> bool:
    """Whether each prompt would change an item, by all that is known of it without looking."""
    if listing.slot != SLOT and listing.garment != UNKNOWN_GARMENT:
        return False
    if listing.scene:
        worn = fashion.Scene.from_json(listing.scene).garments[SLOT]
        return worn.colour not in _ASKED["colour"] and worn.pattern not in _ASKED["pattern"]
    said = find_mention(listing.caption, listing.garment)
    return not (said and (said.colour in _ASKED["colour"] or said.pattern in _ASKED["pattern"]))


def _picture_allows(listing: Listing, fetch: Fetch) -> bool:
    """Whether a photograph whose caption names no colour shows none that is asked for, where its mask lets us look."""
    said = find_mention(listing.caption, listing.garment)
    if listing.scene or not listing.shows_garment or (said and said.colour):
        return True
    item = fetch(listing)
    assert item.mask
    return name_colour(from_png(item.image), mask_from_png(item.mask)) not in _ASKED["colour"]


def make_probes(listings: Sequence[Listing], fetch: Fetch) -> Iterator[Probe]:
    """Four probes of each picture, one per prompt."""
    for item in map(fetch, listings):
        yield from _rendered_probes(item, item.scene) if item.scene else _photographed_probes(item)


def _rendered_probes(item: Item, program: str) -> Iterator[Probe]:
    scene = fashion.Scene.from_json(program)
    layout = fashion.lay_out(scene, from_png(item.image).shape[0])
    masks = {slot: mask_to_png(layout.masks[slot]) for slot in (*scene.garments, "face")}
    exact, face = masks.pop(SLOT), masks.pop("face")
    worn = scene.garments[SLOT]
    for number, (factor, value) in enumerate(PROMPTS.values()):
        edited = fashion.edit(scene, SLOT, **{factor: value})
        yield replace(
            _probe(item, number, (fashion.describe_scene(scene), fashion.describe_scene(edited))),
            target=to_png(fashion.paint(edited, layout)),
            exact_mask=exact,
            other_mask=next(iter(masks.values()), None),
            face_mask=face if layout.masks["face"].any() else None,
            noop=_ask_for(worn.kind, worn.colour),
        )


def _photographed_probes(item: Item) -> Iterator[Probe]:
    said = find_mention(item.caption, item.garment)
    noop = _ask_for(item.garment, said.colour) if said and said.colour else None
    for number, (factor, value) in enumerate(PROMPTS.values()):
        captions = (item.caption, recaption(item.caption, item.garment, **{factor: value}))
        yield replace(_probe(item, number, captions), noop=noop)


def _ask_for(garment: str, colour: str) -> str:
    return f"make the {garment} {colour}"


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
        mask=item.mask if item.instruction is None else None,
        box=item.box,
        target=None,
        exact_mask=None,
        other_mask=None,
        face_mask=None,
        noop=None,
    )
