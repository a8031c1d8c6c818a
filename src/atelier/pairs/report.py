"""How many triplets each split is to have, and what `pair` reports about what it made."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atelier.common.counts import tally
from atelier.common.records import Triplet
from atelier.config import Pair
from atelier.pairs.index import Listing
from atelier.pairs.same_item import group_variants
from atelier.synthetic import fashion
from atelier.text.captions import find_mention

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


def quota(triplets: int, split: str) -> int:
    """A split's share of all triplets; train takes what rounding leaves."""
    held = round(triplets * SHARES["val"])
    return held if split != "train" else triplets - 2 * held


@dataclass(frozen=True, slots=True)
class TripletStats:
    """What the report says of a triplet, without its pictures."""

    split: str
    kind: str
    factor: str
    garment: str
    source_id: str
    held_out: bool  # whether its target wears, in the garment it changes, a fabric that training must never see


def triplet_stats(triplet: Triplet) -> TripletStats:
    """A triplet as the report sees it."""
    worn = find_mention(triplet.target_caption, triplet.garment)
    held_out = worn is not None and fashion.is_held_out(worn.colour or "", worn.pattern or "solid")
    return TripletStats(triplet.split, triplet.kind, triplet.factor, triplet.garment, triplet.source_id, held_out)


def summarise(
    listings: Sequence[Listing], made: Sequence[TripletStats], sources: Mapping[str, Sequence[Listing]], params: Pair
) -> dict[str, Any]:
    """The report for metrics/pair.json, nested scalars: what was made, and what fell short of what was asked."""
    seen = [one for one in listings if one.domain == "seen"]
    garments = {one.image_id: one.garment for one in seen}
    pictures = Counter(one.item_id for one in seen)
    of_split = Counter(one.split for one in made)
    return {
        "triplets": {split: of_split[split] for split in SHARES},
        "shortfall": {split: quota(params.triplets, split) - of_split[split] for split in SHARES},
        "kinds": tally(one.kind for one in made),
        "factors": tally(one.factor for one in made),
        "garments": tally(one.garment for one in made),
        "of_the_other_garment": sum(one.garment != garments[one.source_id] for one in made),
        "held_out_fabrics": {split: sum(one.split == split and one.held_out for one in made) for split in SHARES},
        "items_with_one_picture": sum(count == 1 for count in pictures.values()),
        "items_with_two_colour_ways": len({group[0].item_id for group in group_variants(seen)}),
        "pictures_without_scene_or_mask": sum(one.scene is None and not one.masked for one in seen),
        "probes": {domain: len(chosen) for domain, chosen in sources.items()},
        "probe_shortfall": {domain: params.probes - len(chosen) for domain, chosen in sources.items()},
        "probe_garments": {domain: tally(one.garment for one in chosen) for domain, chosen in sources.items()},
    }
