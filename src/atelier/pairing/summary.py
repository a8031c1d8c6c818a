"""How many triplets each split is to have, and what `pair` reports about what it made."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from atelier import world
from atelier.config import Pair
from atelier.pairing.same_item import group_variants
from atelier.pairing.wording import find_mention
from atelier.records import Item, Triplet
from atelier.tallies import tally

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


def quota(triplets: int, split: str) -> int:
    """A split's share of all triplets; train takes what rounding leaves."""
    held = round(triplets * SHARES["val"])
    return held if split != "train" else triplets - 2 * held


def summarise(
    items: Sequence[Item], triplets: Sequence[Triplet], sources: Mapping[str, Sequence[Item]], params: Pair
) -> dict[str, Any]:
    """The report for metrics/pair.json, nested scalars: what was made, and what fell short of what was asked."""
    seen = [item for item in items if item.domain == "seen"]
    garments = {item.image_id: item.garment for item in seen}
    pictures = Counter(item.item_id for item in seen)
    made = Counter(triplet.split for triplet in triplets)
    return {
        "triplets": {split: made[split] for split in SHARES},
        "shortfall": {split: quota(params.triplets, split) - made[split] for split in SHARES},
        "kinds": tally(triplet.kind for triplet in triplets),
        "factors": tally(triplet.factor for triplet in triplets),
        "garments": tally(triplet.garment for triplet in triplets),
        "of_the_other_garment": sum(triplet.garment != garments[triplet.source_id] for triplet in triplets),
        "held_out_fabrics": {
            split: sum(triplet.split == split and _is_held_out(triplet) for triplet in triplets) for split in SHARES
        },
        "items_with_one_picture": sum(count == 1 for count in pictures.values()),
        "items_with_two_colour_ways": len({group[0].item_id for group in group_variants(seen)}),
        "pictures_without_scene_or_mask": sum(item.scene is None and item.mask is None for item in seen),
        "probes": {domain: len(chosen) for domain, chosen in sources.items()},
        "probe_shortfall": {domain: params.probes - len(chosen) for domain, chosen in sources.items()},
        "probe_garments": {domain: tally(item.garment for item in chosen) for domain, chosen in sources.items()},
    }


def _is_held_out(triplet: Triplet) -> bool:
    """Whether a triplet's target wears, in the garment it changes, a fabric that training must never see."""
    worn = find_mention(triplet.target_caption, triplet.garment)
    return worn is not None and world.is_held_out(worn.colour or "", worn.pattern or "solid")
