"""Make the triplets of test, val and train in this order, each split without near duplicates of the earlier ones."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tqdm import tqdm

from atelier.common.records import Triplet
from atelier.config import Pair
from atelier.images.phash import fingerprint, near
from atelier.images.tensors import from_png
from atelier.pairs.aligned import make_aligned
from atelier.pairs.given import make_given
from atelier.pairs.index import Fetch, IndexEntry
from atelier.pairs.recoloured import make_recoloured
from atelier.pairs.report import SHARES, TripletStats, quota
from atelier.pairs.same_item import make_same_item


def drop_near(entries: Sequence[IndexEntry], bits: int) -> list[IndexEntry]:
    """Drop pictures of train that nearly duplicate one of val or test, and pictures of val that duplicate test's."""
    of_split = {split: [entry.fingerprint for entry in entries if entry.split == split] for split in SHARES}
    against = {"train": of_split["val"] + of_split["test"], "val": of_split["test"], "test": []}
    repeats = {split: iter(near(of_split[split], against[split], bits)) for split in SHARES}
    return [entry for entry in entries if not next(repeats[entry.split])]


class Splits:
    """Makes the triplets of the seen domain, split by split, and counts them."""

    def __init__(self, entries: Sequence[IndexEntry], fetch: Fetch, params: Pair) -> None:
        self._entries = [entry for entry in entries if entry.domain == "seen"]
        self._fetch, self._params = fetch, params
        self._guarded = [entry.fingerprint for entry in entries if entry.split == "test"]  # both domains
        self.made: list[TripletStats] = []
        kinds = ("aligned", *(("recoloured",) if params.recoloured else ()), "same_item")
        self.refused = {kind: Counter[str]() for kind in kinds}  # not made, by reason
        self.near_targets = 0  # triplets dropped because their target nearly duplicates a guarded picture

    def guard(self, picture: bytes) -> None:
        """Forbid targets in val and train that are near a picture (PNG): a probe's target is part of the test."""
        self._guarded.append(fingerprint(from_png(picture)))

    def make(self, split: str) -> Iterator[Triplet]:
        """Yield a split's triplets, numbered, without targets near guarded pictures. Call for test, val, train.

        A shortfall of one kind of pair is not made up for by another kind.
        """
        pool = [entry for entry in self._entries if entry.split == split]
        guarded = [] if split == "test" else list(self._guarded)
        shares = self._sources(pool, split)
        with tqdm(desc=f"pair {split}", total=sum(count for count, _ in shares), unit="triplet", disable=None) as bar:
            chosen = itertools.chain.from_iterable(self._take(source, count, guarded) for count, source in shares)
            for number, triplet in enumerate(chosen):
                self.made.append(TripletStats.of(triplet))
                yield replace(triplet, triplet_id=f"{split}-{number:05d}")
                bar.update()
        self._guarded += [entry.fingerprint for entry in pool]

    def _sources(self, pool: Sequence[IndexEntry], split: str) -> list[tuple[int, Iterator[Triplet]]]:
        """Return (number wanted, iterator) for each kind of pair in a split."""
        params, held_out, total = self._params, split == "test", quota(self._params.triplets, split)
        aligned, refused = round(total * params.aligned), self.refused
        reasons = refused.get("recoloured", Counter[str]())
        given = min(round(total * params.given), total - aligned)
        recoloured = min(round(total * params.recoloured), total - aligned - given)
        return [
            (aligned, make_aligned(pool, self._fetch, params.seed, held_out=held_out, refused=refused["aligned"])),
            (given, make_given(pool, self._fetch, params.seed)),
            (recoloured, make_recoloured(pool, self._fetch, params.seed, held_out=held_out, refused=reasons)),
            (
                total - aligned - given - recoloured,
                make_same_item(pool, self._fetch, params.seed, held_out=held_out, refused=refused["same_item"]),
            ),
        ]

    def _take(self, source: Iterator[Triplet], count: int, guarded: Sequence[str]) -> Iterator[Triplet]:
        """Yield the first `count` triplets whose target is near no guarded picture, and guard their targets.

        `guarded` is a copy made at the start of the split, so that the targets of one split may be near one another.
        """
        while count:
            triplet = next(source, None)
            if triplet is None:
                return
            target = fingerprint(from_png(triplet.target))
            if near([target], guarded, self._params.near_duplicate)[0]:
                self.near_targets += 1
            else:
                self._guarded.append(target)
                count -= 1
                yield triplet
