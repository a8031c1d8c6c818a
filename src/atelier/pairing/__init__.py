"""Pair: items → triplets (source, instruction, target) for training, and probes for measuring.

Splits hold: a triplet's pictures come from one split, and no picture of a split stands, nearly the same, in another.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tqdm import tqdm

from atelier.config import Pair
from atelier.errors import UserError
from atelier.images import from_png
from atelier.pairing.aligned import make_aligned
from atelier.pairing.duplicates import hash_picture, near
from atelier.pairing.probes import choose_sources, make_probes
from atelier.pairing.same_item import make_same_item
from atelier.pairing.summary import SHARES, quota, summarise
from atelier.records import Item, Probe, Triplet

__all__ = ["pair_items"]


def pair_items(items: Sequence[Item], params: Pair) -> tuple[list[Triplet], list[Probe], dict[str, Any]]:
    """Make the triplets of the seen domain and the probes of both.

    Returns:
        Triplets (train, val, test), probes, and the report for metrics/pair.json.

    Raises:
        UserError: a split that training needs has no triplet, or a domain has no picture that the prompts would change.
    """
    hashes = {
        item.image_id: hash_picture(from_png(item.image)) for item in tqdm(items, desc="pair: hash", disable=None)
    }
    kept = drop_near(items, hashes, params.near_duplicate)
    sources = {domain: choose_sources(_of(kept, domain), params.probes, params.seed) for domain in ("seen", "unseen")}
    _check_probes(sources)
    probes = [probe for chosen in sources.values() for probe in make_probes(chosen)]
    guarded = [hashes[item.image_id] for item in kept if item.split == "test"]
    guarded += [hash_picture(from_png(probe.target)) for probe in probes if probe.target]
    triplets: list[Triplet] = []
    targets_dropped = 0
    for split in ("test", "val", "train"):  # each split's pictures are kept out of the ones after it
        pool = [item for item in _of(kept, "seen") if item.split == split]
        made, dropped = _make_split(pool, split, params, guarded if split != "test" else [])
        guarded += [hashes[item.image_id] for item in pool] + [hash_picture(from_png(one.target)) for one in made]
        targets_dropped += dropped
        triplets = made + triplets
    _check_triplets(triplets, kept, params)
    near_duplicates = {"bits": params.near_duplicate, "items": len(items) - len(kept), "targets": targets_dropped}
    return triplets, probes, {"near_duplicates": near_duplicates} | summarise(kept, triplets, sources, params)


def drop_near(items: Sequence[Item], hashes: Mapping[str, int], bits: int) -> list[Item]:
    """Leave out pictures that nearly repeat one of a later split: train gives way to val and test, val to test."""
    of_split = {split: [hashes[item.image_id] for item in items if item.split == split] for split in SHARES}
    against = {"train": of_split["val"] + of_split["test"], "val": of_split["test"], "test": []}
    repeats = {split: iter(near(of_split[split], against[split], bits)) for split in SHARES}
    return [item for item in items if not next(repeats[item.split])]


def _make_split(pool: Sequence[Item], split: str, params: Pair, guarded: Sequence[int]) -> tuple[list[Triplet], int]:
    """One split's triplets, numbered, none with a target near a guarded picture; and how many were dropped for that."""
    wanted, held_out = quota(params.triplets, split), split == "test"
    aligned = round(wanted * params.aligned)
    made, dropped = [], 0
    for count, source in (
        (aligned, make_aligned(pool, params.seed, held_out=held_out)),
        (wanted - aligned, make_same_item(pool, params.seed, held_out=held_out)),
    ):
        distinct, near_targets = _take(source, count, guarded, params.near_duplicate, f"pair {split}")
        made += distinct
        dropped += near_targets
    return [replace(one, triplet_id=f"{split}-{number:05d}") for number, one in enumerate(made)], dropped


def _take(
    source: Iterator[Triplet], count: int, guarded: Sequence[int], bits: int, title: str
) -> tuple[list[Triplet], int]:
    taken: list[Triplet] = []
    dropped = 0
    with tqdm(desc=title, total=count, unit="triplet", disable=None) as progress:
        while len(taken) < count and (triplet := next(source, None)) is not None:
            if near([hash_picture(from_png(triplet.target))], guarded, bits)[0]:
                dropped += 1
            else:
                taken.append(triplet)
                progress.update()
    return taken, dropped


def _of(items: Iterable[Item], domain: str) -> list[Item]:
    return [item for item in items if item.domain == domain]


def _check_probes(sources: Mapping[str, Sequence[Item]]) -> None:
    for domain, chosen in sources.items():
        if not chosen:
            raise UserError(
                f"no {domain} test picture can be a probe: none shows an upper garment that is neither red nor blue, "
                "neither striped nor floral, so that all four prompts would change it"
            )


def _check_triplets(triplets: Sequence[Triplet], items: Sequence[Item], params: Pair) -> None:
    for split in ("train", "val"):
        if not any(triplet.split == split for triplet in triplets):
            have = sum(item.split == split for item in items)
            raise UserError(
                f"no {split} triplet can be made of {have} pictures with pair.aligned {params.aligned:g}: an aligned "
                "pair needs a rendered scene or a mask, a same-item pair two colour ways of one item in one view"
            )
