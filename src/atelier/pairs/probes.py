"""Probes: test pictures × prompts, with the exact target where the renderer can paint what the prompt asks for.

`pair.prompts` lists the prompts, `prompts` says which pictures each can change. The mask in a data set of triplets
marks the region of that data set's instruction, not the garment of the prompts; the segmenter predicts the mask of such
a probe.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from atelier import scenes
from atelier.common.iterables import take_turns
from atelier.common.records import Item, Probe
from atelier.images.tensors import from_png, mask_from_png, mask_to_png, to_png
from atelier.pairs.index import Fetch, IndexEntry
from atelier.pairs.prompts import Prompt, Subject, find_subject, is_answered, stated_fabric
from atelier.pairs.recolour import name_colour


@dataclass(frozen=True)
class ProbeSource:
    """A test picture and what each prompt that is put to it changes."""

    entry: IndexEntry
    subjects: dict[int, Subject]  # number of the prompt → what it changes


def choose_sources(
    entries: Sequence[IndexEntry], prompts: Sequence[Prompt], fetch: Fetch, count: int, seed: int
) -> list[ProbeSource]:
    """Choose test pictures until `count` of them are put to each prompt, or no other would be changed by it.

    Pictures that most prompts change come first, of those as many garment items as possible; all prompts that change a
    chosen picture are put to it.
    """
    waiting: dict[int, list[ProbeSource]] = defaultdict(list)  # number of prompts → pictures
    for entry in entries:
        if entry.split == "test" and (subjects := _match(entry, prompts)):
            waiting[len(subjects)].append(ProbeSource(entry, subjects))
    rng, put, chosen = random.Random(f"{seed}:probes"), Counter[int](), []

    def usable(group: Sequence[ProbeSource]) -> Iterator[ProbeSource]:
        for source in group:
            if any(put[number] < count for number in source.subjects):
                kept = _look(source, prompts, fetch)
                if len(kept.subjects) == len(source.subjects):
                    yield kept
                elif kept.subjects:
                    waiting[len(kept.subjects)].append(kept)

    for size in range(len(prompts), 0, -1):
        groups: dict[str, list[ProbeSource]] = defaultdict(list)
        for source in waiting[size]:
            groups[source.entry.item_id].append(source)
        shuffled = [rng.sample(group, len(group)) for group in groups.values()]
        rng.shuffle(shuffled)
        # lazy: of ten thousand pictures, little more than `count` are read
        for source in take_turns(map(usable, shuffled)):
            if any(put[number] < count for number in source.subjects):
                put.update(source.subjects.keys())
                chosen.append(source)
    return chosen


def _match(entry: IndexEntry, prompts: Sequence[Prompt]) -> dict[int, Subject]:
    """Return what each prompt would change in a picture, judged by its metadata."""
    scene = scenes.read_scene(entry.scene) if entry.scene else None
    found = {number: find_subject(prompt, entry, scene) for number, prompt in enumerate(prompts)}
    return {
        number: subject
        for number, subject in found.items()
        if subject and not is_answered(prompts[number], stated_fabric(entry, subject, scene))
    }


def _look(source: ProbeSource, prompts: Sequence[Prompt], fetch: Fetch) -> ProbeSource:
    """Leave out prompts for a colour that a photograph shows; measured if its caption names none and it has a mask."""
    entry = source.entry
    unstated = {
        number: stated_fabric(entry, subject, None)[1]
        for number, subject in source.subjects.items()
        if prompts[number].colour and subject.own and stated_fabric(entry, subject, None)[0] is None
    }
    if entry.scene or not entry.shows_garment or not unstated:
        return source
    item = fetch(entry)
    assert item.mask
    colour = name_colour(from_png(item.image), mask_from_png(item.mask))
    shown = {number for number, pattern in unstated.items() if is_answered(prompts[number], (colour, pattern))}
    return ProbeSource(entry, {number: one for number, one in source.subjects.items() if number not in shown})


def make_probes(sources: Sequence[ProbeSource], prompts: Sequence[Prompt], fetch: Fetch) -> Iterator[Probe]:
    """Yield the probes of each picture, one per prompt that is put to it."""
    for source in sources:
        item = fetch(source.entry)
        yield from (
            _rendered_probes(item, item.scene, source, prompts)
            if item.scene
            else (
                _photographed_probe(item, number, subject, prompts[number])
                for number, subject in source.subjects.items()
            )
        )


def _rendered_probes(item: Item, program: str, source: ProbeSource, prompts: Sequence[Prompt]) -> Iterator[Probe]:
    scene = scenes.read_scene(program)
    layout = scenes.lay_out(scene, from_png(item.image).shape[0])
    masks = {slot: layout.masks[slot] for slot in scene.garments}
    face = layout.masks["face"]
    shared = {"face_mask": mask_to_png(face) if face.any() else None}
    for number, subject in source.subjects.items():
        prompt, caption = prompts[number], scenes.describe_scene(scene)
        before, after = prompt.captions(caption, subject.garment)
        if subject.slot is None:
            whole = mask_to_png(np.ones_like(face))
            captions = {"source_caption": before, "target_caption": after}
            yield _probe(item, number, prompt, subject, **captions, exact_mask=whole, **shared)
            continue
        worn, target = scene.garments[subject.slot], None
        if not masks[subject.slot].any():
            continue  # each of its pixels shows more of something else
        if _is_paintable(prompt, scene):
            changed = {"colour": prompt.colour, "pattern": prompt.pattern}
            edited = scenes.edit(scene, subject.slot, **{name: value for name, value in changed.items() if value})
            target = to_png(scenes.paint(edited, layout))
            after = scenes.describe_scene(edited) if not prompt.phrases[1] else after
        others = [mask for slot, mask in masks.items() if slot != subject.slot]
        yield _probe(
            item,
            number,
            prompt,
            subject,
            source_caption=before,
            target_caption=after,
            target=target,
            exact_mask=mask_to_png(masks[subject.slot]),
            other_mask=mask_to_png(np.logical_or.reduce(others)) if others else None,
            noop=f"make the {worn.kind} {worn.colour}",
            **shared,
        )


def _is_paintable(prompt: Prompt, scene: scenes.Scene) -> bool:
    """Whether the scene's renderer can paint what a prompt asks for."""
    paints = scenes.list_paints(scene)
    colour, pattern = prompt.colour in (None, *paints.colours), prompt.pattern in (None, *paints.patterns)
    return colour and pattern and prompt.factor in ("colour", "pattern", "both") and prompt.fabric is None


def _photographed_probe(item: Item, number: int, subject: Subject, prompt: Prompt) -> Probe:
    colour, _ = stated_fabric(item, subject, None)
    noop = f"make the {subject.garment} {colour}" if colour else None
    before, after = prompt.captions(item.caption, subject.garment)
    return _probe(item, number, prompt, subject, source_caption=before, target_caption=after, noop=noop)


def _probe(item: Item, number: int, prompt: Prompt, subject: Subject, **fields: str | bytes | None) -> Probe:
    """Make the probe of one prompt, given with its number in `pair.prompts`."""
    mask = item.mask if item.instruction is None and subject.own else None
    if not subject.garment:
        mask = mask_to_png(np.ones(from_png(item.image).shape[:2], bool))
    return Probe(
        probe_id=f"{item.image_id}-{number}",
        domain=item.domain,
        source_id=item.image_id,
        item_id=item.item_id,
        person_id=item.person_id,
        prompt=prompt.text,
        garment=subject.garment,
        factor=prompt.factor,
        value=prompt.value,
        source=item.image,
        mask=mask,
        box=item.box if subject.own else None,
        **fields,
    )
