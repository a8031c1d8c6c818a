"""Pair: items → triplets (source, instruction, target) for training, and probes for measuring.

Splits hold: a triplet's pictures come from one split, and no picture of a split stands, nearly the same, in another.
Items are a light list; pictures are fetched by row, and what is made of them goes to its file at once.

Public: `pair_items`.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from atelier.common.errors import UserError
from atelier.common.files import atomic_write, remove
from atelier.common.records import Probe, Triplet, iter_rows, write_rows
from atelier.config import Pair
from atelier.pairs.index import Listing, Shelf
from atelier.pairs.probes import choose_sources, make_probes
from atelier.pairs.report import summarise
from atelier.pairs.splits import Splits, drop_near

__all__ = ["pair_items"]


def pair_items(items: Path, triplets: Path, probes: Path, params: Pair) -> dict[str, Any]:
    """Make the triplets of the seen domain (train, val, test) and the probes of both; both files appear together.

    Returns:
        The report for metrics/pair.json.

    Raises:
        UserError: a split that training needs has no triplet, or a domain has no picture that the prompts would change.
    """
    shelf = Shelf(items)
    kept = drop_near(shelf.listings, params.near_duplicate)
    sources = {
        domain: choose_sources([one for one in kept if one.domain == domain], shelf.fetch, params.probes, params.seed)
        for domain in ("seen", "unseen")
    }
    _check_probes(sources)
    splits = Splits(kept, shelf.fetch, params)
    with atomic_write(probes) as new_probes, atomic_write(triplets) as new_triplets:
        made = (probe for chosen in sources.values() for probe in make_probes(chosen, shelf.fetch))
        write_rows(new_probes, Probe, _guarding(made, splits))
        _write_triplets(new_triplets, splits)
        _check_triplets(splits, kept, params)
    near_duplicates = {
        "bits": params.near_duplicate,
        "items": len(shelf.listings) - len(kept),
        "targets": splits.near_targets,
    }
    return {"near_duplicates": near_duplicates} | summarise(kept, splits.made, sources, params)


def _guarding(probes: Iterator[Probe], splits: Splits) -> Iterator[Probe]:
    for probe in probes:
        if probe.target:
            splits.guard(probe.target)
        yield probe


def _write_triplets(path: Path, splits: Splits) -> None:
    """Make test, val, train; write train, val, test. So the first two, a fifth of all, wait in files of their own."""
    waiting = path.with_name(path.name + ".waiting")
    remove(waiting)
    try:
        for split in ("test", "val"):
            write_rows(waiting / split, Triplet, splits.make(split))
        others = (iter_rows(waiting / split, Triplet) for split in ("val", "test"))
        write_rows(path, Triplet, chain(splits.make("train"), *others))
    finally:
        remove(waiting)


def _check_probes(sources: Mapping[str, Sequence[Listing]]) -> None:
    for domain, chosen in sources.items():
        if not chosen:
            raise UserError(
                f"no {domain} test picture can be a probe: none shows an upper garment (or clothes that the data set "
                "does not name) that is neither red nor blue, neither striped nor floral, so that all four prompts "
                "would change it"
            )


def _check_triplets(splits: Splits, listings: Sequence[Listing], params: Pair) -> None:
    for split in ("train", "val"):
        if not any(one.split == split for one in splits.made):
            have = sum(one.split == split for one in listings)
            raise UserError(
                f"no {split} triplet can be made of {have} pictures with pair.aligned {params.aligned:g} and "
                f"pair.given {params.given:g}: an aligned pair needs a rendered scene or a mask, a given one a data "
                "set's own instruction and target, a same-item pair two colour ways of one item in one view"
            )
