"""Make triplets (source, instruction, target) for training, and probes and test triplets for evaluation, from items.

Public: `Outputs`, `load_limits`, `pair_items`.

Both pictures of a triplet come from one split, and no picture has a near duplicate in another split. Only metadata is
held in memory: pictures are read by row, and triplets and probes are written as they are made.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from atelier.common.counts import tally_refused
from atelier.common.errors import UserError
from atelier.common.files import atomic_write, remove
from atelier.common.notices import notice
from atelier.common.records import Probe, TestProbe, Triplet, iter_rows, write_rows
from atelier.config import Pair
from atelier.pairs.held_out import choose_tests, make_tests
from atelier.pairs.index import IndexEntry, ItemIndex
from atelier.pairs.lengths import Lengths, Limits, load_limits
from atelier.pairs.probes import ProbeSource, choose_sources, make_probes
from atelier.pairs.prompts import Prompt, read_prompts
from atelier.pairs.report import count_probes, summarise
from atelier.pairs.splits import Splits, drop_near

__all__ = ["Limits", "Outputs", "load_limits", "pair_items"]


@dataclass(frozen=True)
class Outputs:
    """The files that `pair_items` writes."""

    triplets: Path
    probes: Path
    tests: Path


def pair_items(items: Path, out: Outputs, params: Pair, limits: Limits | None = None) -> dict[str, Any]:
    """Make the triplets of the seen domain (train, val, test), the probes of both domains, and choose test triplets.

    All files appear at once.

    Args:
        limits: how much of a text the editor and CLIP read; None: longer texts are not counted.

    Returns:
        The report for metrics/pair.json.

    Raises:
        UserError: train or val would have no triplet, a domain has no picture that a prompt would change, or an entry
            of `pair.prompts` cannot be used.
    """
    prompts, index = read_prompts(params.prompts), ItemIndex(items)
    kept = drop_near(index.entries, params.near_duplicate)
    sources = {
        domain: choose_sources(
            [entry for entry in kept if entry.domain == domain], prompts, index.fetch, params.probes, params.seed
        )
        for domain in ("seen", "unseen")
    }
    _check_probes(sources, prompts)
    splits, lengths = Splits(kept, index.fetch, params), Lengths(limits)
    rendered = frozenset(entry.image_id for entry in kept if entry.scene)
    with atomic_write(out.tests) as tests, atomic_write(out.probes) as probes, atomic_write(out.triplets) as triplets:
        made = (probe for chosen in sources.values() for probe in make_probes(chosen, prompts, index.fetch))
        write_rows(probes, Probe, lengths.watch(_guarding(made, splits)))
        held_out = _write_triplets(triplets, splits, lengths, params.test_triplets)
        write_rows(tests, TestProbe, make_tests(held_out, rendered))
        _check_triplets(splits, kept, params)
    near_duplicates = {
        "bits": params.near_duplicate,
        "items": len(index.entries) - len(kept),
        "targets": splits.near_targets,
    }
    refused = {kind: tally_refused(reasons.elements()) for kind, reasons in splits.refused.items()}
    report = {"near_duplicates": near_duplicates, "refused": refused} | summarise(kept, splits.made, params)
    return report | count_probes(sources, prompts, held_out, params.probes) | lengths.report()


def _guarding(probes: Iterator[Probe], splits: Splits) -> Iterator[Probe]:
    for probe in probes:
        if probe.target:
            splits.guard(probe.target)
        yield probe


def _write_triplets(path: Path, splits: Splits, lengths: Lengths, tests: int) -> list[Triplet]:
    """Make test, val, train but write train, val, test: the first two, a fifth of all, wait in temporary files.

    Returns:
        At most `tests` triplets of the test split.
    """
    waiting = path.with_name(path.name + ".waiting")
    remove(waiting)
    try:
        for split in ("test", "val"):
            write_rows(waiting / split, Triplet, lengths.watch(splits.make(split)))
        others = (iter_rows(waiting / split, Triplet) for split in ("val", "test"))
        write_rows(path, Triplet, chain(lengths.watch(splits.make("train")), *others))
        return choose_tests(iter_rows(waiting / "test", Triplet), tests)
    finally:
        remove(waiting)


def _check_probes(sources: Mapping[str, Sequence[ProbeSource]], prompts: Sequence[Prompt]) -> None:
    for domain, chosen in sources.items():
        put = {number for source in chosen for number in source.subjects}
        left_out = [repr(prompt.text) for number, prompt in enumerate(prompts) if number not in put]
        if not chosen:
            raise UserError(
                f"no {domain} test picture can be a probe: no prompt of pair.prompts would change one; a picture must "
                'show the garment that a prompt names ("shirt", "clothes" and prints without a garment mean the upper '
                "one, or clothes without a named type) in another colour or print"
            )
        if left_out:
            notice(f"pair: no {domain} test picture shows what these prompts would change: {', '.join(left_out)}")


def _check_triplets(splits: Splits, entries: Sequence[IndexEntry], params: Pair) -> None:
    for split in ("train", "val"):
        if not any(entry.split == split for entry in splits.made):
            have = sum(entry.split == split for entry in entries)
            raise UserError(
                f"no {split} triplet can be made of {have} pictures with pair.aligned {params.aligned:g} and "
                f"pair.given {params.given:g}: an aligned pair needs a rendered scene or a mask, a given pair an "
                "instruction and a target from the data set, a recoloured pair (pair.recoloured) the mask of a plain "
                "garment, a same-item pair two colour variants of an item and view"
            )
