"""Make triplets (source, instruction, target) for training and probes for evaluation from items.

Public: `load_limits`, `pair_items`.

Both pictures of a triplet come from one split, and no picture has a near duplicate in another split. Only metadata is
held in memory: pictures are read by row, and triplets and probes are written as they are made.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from atelier.common.counts import tally_refused
from atelier.common.errors import UserError
from atelier.common.files import atomic_write, remove
from atelier.common.records import Probe, Triplet, iter_rows, write_rows
from atelier.config import Pair
from atelier.pairs.index import IndexEntry, ItemIndex
from atelier.pairs.lengths import Lengths, Limits, load_limits
from atelier.pairs.probes import choose_sources, make_probes
from atelier.pairs.report import summarise
from atelier.pairs.splits import Splits, drop_near

__all__ = ["Limits", "load_limits", "pair_items"]


def pair_items(items: Path, triplets: Path, probes: Path, params: Pair, limits: Limits | None = None) -> dict[str, Any]:
    """Make the triplets of the seen domain (train, val, test) and the probes of both domains; write both files at once.

    Args:
        limits: how much of a text the editor and CLIP read; None: longer texts are not counted.

    Returns:
        The report for metrics/pair.json.

    Raises:
        UserError: train or val would have no triplet, or a domain has no picture that all prompts would change.
    """
    index = ItemIndex(items)
    kept = drop_near(index.entries, params.near_duplicate)
    sources = {
        domain: choose_sources(
            [entry for entry in kept if entry.domain == domain], index.fetch, params.probes, params.seed
        )
        for domain in ("seen", "unseen")
    }
    _check_probes(sources)
    splits, lengths = Splits(kept, index.fetch, params), Lengths(limits)
    with atomic_write(probes) as new_probes, atomic_write(triplets) as new_triplets:
        made = (probe for chosen in sources.values() for probe in make_probes(chosen, index.fetch))
        write_rows(new_probes, Probe, lengths.watch(_guarding(made, splits)))
        _write_triplets(new_triplets, splits, lengths)
        _check_triplets(splits, kept, params)
    near_duplicates = {
        "bits": params.near_duplicate,
        "items": len(index.entries) - len(kept),
        "targets": splits.near_targets,
    }
    refused = {kind: tally_refused(reasons.elements()) for kind, reasons in splits.refused.items()}
    return (
        {"near_duplicates": near_duplicates, "refused": refused}
        | summarise(kept, splits.made, sources, params)
        | lengths.report()
    )


def _guarding(probes: Iterator[Probe], splits: Splits) -> Iterator[Probe]:
    for probe in probes:
        if probe.target:
            splits.guard(probe.target)
        yield probe


def _write_triplets(path: Path, splits: Splits, lengths: Lengths) -> None:
    """Make test, val, train but write train, val, test: the first two, a fifth of all, wait in temporary files."""
    waiting = path.with_name(path.name + ".waiting")
    remove(waiting)
    try:
        for split in ("test", "val"):
            write_rows(waiting / split, Triplet, lengths.watch(splits.make(split)))
        others = (iter_rows(waiting / split, Triplet) for split in ("val", "test"))
        write_rows(path, Triplet, chain(lengths.watch(splits.make("train")), *others))
    finally:
        remove(waiting)


def _check_probes(sources: Mapping[str, Sequence[IndexEntry]]) -> None:
    for domain, chosen in sources.items():
        if not chosen:
            raise UserError(
                f"no {domain} test picture can be a probe: all four prompts must change it, so it needs an upper "
                "garment (or clothes without a named type) that is neither red nor blue, neither striped nor floral"
            )


def _check_triplets(splits: Splits, entries: Sequence[IndexEntry], params: Pair) -> None:
    for split in ("train", "val"):
        if not any(entry.split == split for entry in splits.made):
            have = sum(entry.split == split for entry in entries)
            raise UserError(
                f"no {split} triplet can be made of {have} pictures with pair.aligned {params.aligned:g} and "
                f"pair.given {params.given:g}: an aligned pair needs a rendered scene or a mask, a given pair an "
                "instruction and a target from the data set, a same-item pair two colour variants of an item and view"
            )
