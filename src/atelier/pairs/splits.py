"""The triplets of one split after another: test, val, train, each kept clear of the pictures of those before it."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tqdm import tqdm

from atelier.common.records import Triplet
from atelier.config import Pair
from atelier.images.phash import fingerprint, near
from atelier.images.tensors import from_png
from atelier.pairs.aligned import make_aligned
from atelier.pairs.given import make_given
from atelier.pairs.index import Fetch, Listing
from atelier.pairs.report import SHARES, TripletStats, quota, triplet_stats
from atelier.pairs.same_item import make_same_item


def drop_near(listings: Sequence[Listing], bits: int) -> list[Listing]:
    """Leave out pictures that nearly repeat one of a later split: train gives way to val and test, val to test."""
    of_split = {split: [one.fingerprint for one in listings if one.split == split] for split in SHARES}
    against = {"train": of_split["val"] + of_split["test"], "val": of_split["test"], "test": []}
    repeats = {split: iter(near(of_split[split], against[split], bits)) for split in SHARES}
    return [one for one in listings if not next(repeats[one.split])]


class Splits:
    """Makes the triplets of the seen domain, split by split, and keeps account of them."""

    def __init__(self, listings: Sequence[Listing], fetch: Fetch, params: Pair) -> None:
        self._listings = [one for one in listings if one.domain == "seen"]
        self._fetch, self._params = fetch, params
        self._guarded = [one.fingerprint for one in listings if one.split == "test"]  # of both domains
        self.made: list[TripletStats] = []
        self.near_targets = 0  # triplets left out because of a guarded picture

    def guard(self, picture: bytes) -> None:
        """Keep the targets of val and train clear of a picture (PNG): a probe's target is part of the test."""
        self._guarded.append(fingerprint(from_png(picture)))

    def make(self, split: str) -> Iterator[Triplet]:
        """One split's triplets, numbered, none with a target near a guarded picture. To be called for test, val, train.

        What falls short of one kind's share is not made up for by another kind.
        """
        pool = [one for one in self._listings if one.split == split]
        guarded = [] if split == "test" else list(self._guarded)
        shares = self._sources(pool, split)
        with tqdm(desc=f"pair {split}", total=sum(count for count, _ in shares), unit="triplet", disable=None) as bar:
            chosen = itertools.chain.from_iterable(self._take(source, count, guarded) for count, source in shares)
            for number, triplet in enumerate(chosen):
                self.made.append(triplet_stats(triplet))
                yield replace(triplet, triplet_id=f"{split}-{number:05d}")
                bar.update()
        self._guarded += [one.fingerprint for one in pool]

    def _sources(self, pool: Sequence[Listing], split: str) -> list[tuple[int, Iterator[Triplet]]]:
        """How many triplets of each kind a split is to have, and where they come from."""
        params, held_out, wanted = self._params, split == "test", quota(self._params.triplets, split)
        aligned = round(wanted * params.aligned)
        given = min(round(wanted * params.given), wanted - aligned)
        return [
            (aligned, make_aligned(pool, self._fetch, params.seed, held_out=held_out)),
            (given, make_given(pool, self._fetch, params.seed)),
            (wanted - aligned - given, make_same_item(pool, self._fetch, params.seed, held_out=held_out)),
        ]

    def _take(self, source: Iterator[Triplet], count: int, guarded: Sequence[str]) -> Iterator[Triplet]:
        """The first `count` triplets whose target is near no guarded picture; their targets are guarded from then on.

        `guarded` is a split's own copy, so that the targets of one split may be near one another.
        """
        while count:
            triplet = next(source, None)
            if triplet is None:
                return
            print_of_target = fingerprint(from_png(triplet.target))
            if near([print_of_target], guarded, self._params.near_duplicate)[0]:
                self.near_targets += 1
            else:
                self._guarded.append(print_of_target)
                count -= 1
                yield triplet
