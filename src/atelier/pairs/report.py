"""Quota of triplets per split, and the report of `pair`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atelier.common.counts import tally
from atelier.common.records import Triplet
from atelier.config import Pair
from atelier.pairs.index import IndexEntry
from atelier.pairs.probes import ProbeSource
from atelier.pairs.prompts import Prompt
from atelier.pairs.same_item import group_variants
from atelier.text.captions import find_mention
from atelier.text.colours import is_held_out

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


def quota(triplets: int, split: str) -> int:
    """Return a split's share of all triplets; train takes the rounding remainder."""
    held = round(triplets * SHARES["val"])
    return held if split != "train" else triplets - 2 * held


@dataclass(frozen=True, slots=True)
class TripletStats:
    """The fields of a triplet that the report counts."""

    split: str
    kind: str
    factor: str
    garment: str
    source_id: str
    held_out: bool  # whether the edited garment of its target has a fabric excluded from training

    @classmethod
    def of(cls, triplet: Triplet) -> "TripletStats":
        worn = find_mention(triplet.target_caption, triplet.garment)
        held_out = worn is not None and is_held_out(worn.colour or "", worn.pattern or "solid")
        return cls(triplet.split, triplet.kind, triplet.factor, triplet.garment, triplet.source_id, held_out)


def summarise(entries: Sequence[IndexEntry], made: Sequence[TripletStats], params: Pair) -> dict[str, Any]:
    """Return the report on triplets as nested scalars: numbers made, and shortfalls against the request."""
    seen = [entry for entry in entries if entry.domain == "seen"]
    garments = {entry.image_id: entry.garment for entry in seen}
    pictures = Counter(entry.item_id for entry in seen)
    of_split = Counter(triplet.split for triplet in made)
    held_out = Counter(triplet.split for triplet in made if triplet.held_out)
    return {
        "triplets": {split: of_split[split] for split in SHARES},
        "shortfall": {split: quota(params.triplets, split) - of_split[split] for split in SHARES},
        "kinds": tally(triplet.kind for triplet in made),
        "factors": tally(triplet.factor for triplet in made),
        "garments": tally(triplet.garment for triplet in made),
        "of_the_other_garment": sum(triplet.garment != garments[triplet.source_id] for triplet in made),
        "held_out_fabrics": {split: held_out[split] for split in SHARES},
        "items_with_one_picture": sum(count == 1 for count in pictures.values()),
        "items_with_two_colour_ways": len({group[0].item_id for group in group_variants(seen)}),
        "pictures_without_scene_or_mask": sum(entry.scene is None and not entry.masked for entry in seen),
    }


def count_probes(
    sources: Mapping[str, Sequence[ProbeSource]], prompts: Sequence[Prompt], tests: Sequence[Triplet], wanted: int
) -> dict[str, Any]:
    """Return the report on probes and test triplets.

    Args:
        sources: domain → pictures.
        wanted: number of pictures per domain and prompt.
    """
    entries = {domain: [source.entry for source in chosen] for domain, chosen in sources.items()}
    put = {
        domain: Counter(number for source in chosen for number in source.subjects) for domain, chosen in sources.items()
    }
    return {
        "probes": {domain: len(chosen) for domain, chosen in entries.items()},
        "probe_shortfall": {domain: max(0, wanted - len(entries[domain])) for domain in entries},
        "probe_garments": {domain: tally(entry.garment for entry in chosen) for domain, chosen in entries.items()},
        "prompts": {
            domain: {prompt.text: put[domain][number] for number, prompt in enumerate(prompts)} for domain in entries
        },
        "test_triplets": tally(triplet.kind for triplet in tests),
    }
