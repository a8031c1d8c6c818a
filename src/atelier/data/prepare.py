"""Prepare: both sources → clean items with a split, and a report of what was kept, what was refused, and why.

Rows are spooled to disk as they are read, and only the facts that the split needs are kept in memory; an interrupted
run goes on from its last whole part, to the same bytes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from tqdm import tqdm

from atelier.common.checkpoints import open_store
from atelier.common.counts import name_first, tally, tally_refused
from atelier.common.errors import UserError
from atelier.common.records import Item, write_rows
from atelier.common.rng import derive_seed
from atelier.config import Prepare
from atelier.data.schemas import Request, read_items
from atelier.data.shards import Fact, Spool

FOREIGN_PERSON = "person in another split"
REPEATED = "repeated id"

# The packages that the items depend on, as `checkpoints.TRAINING`.
CODE = ("common", "data", "images", "synthetic", "text")


def prepare_items(params: Prepare, out: Path) -> dict[str, Any]:
    """Read, check and split both domains' items into `out`, in the order of their rows, seen before unseen.

    Returns:
        The report for metrics/prepare.json.

    Raises:
        UserError: a source cannot be read or is empty, too many rows are bad, or too few items are left to split.
    """
    # How much may be refused does not change what is read: a run that stopped over it goes on when more is allowed.
    settings = {"stage": "prepare", **params.model_dump(exclude={"max_refused"})}
    store = open_store(settings, [Path(name).expanduser() for name in (params.seen, params.unseen)], CODE)
    spools = {domain: Spool(store.folder / domain) for domain in ("seen", "unseen")}
    seen = assign_splits(_read(params, "seen", spools["seen"]), params.seed)
    unseen = [one if one.refused else replace(one, split="test") for one in _read(params, "unseen", spools["unseen"])]
    items = chain(_split(spools["seen"], seen), _split(spools["unseen"], unseen))
    kept = sum(not one.refused for one in chain(seen, unseen))
    write_rows(out, Item, tqdm(items, desc="prepare: write", total=kept, unit="row", disable=None))
    store.discard()
    return {"seen": summarise(seen), "unseen": summarise(unseen)}


def _read(params: Prepare, domain: str, spool: Spool) -> list[Fact]:
    """Read what is not yet spooled of a domain's rows; the facts on all of them."""
    where, schema, rows = (getattr(params, f"{domain}{key}") for key in ("", "_schema", "_rows"))
    if not spool.ended:
        start = len(spool.facts())
        request = Request(where, schema, domain, rows, params.size, params.fit, params.seed, params.columns, start)
        bar = tqdm(read_items(request), desc=f"prepare {domain}", total=rows, initial=start, unit="row", disable=None)
        with closing(bar):
            spool.fill(iter(bar))
    facts = _remark_repeats(spool.facts())
    _check_refused(where, facts, params.max_refused)
    return facts


def _remark_repeats(facts: Sequence[Fact]) -> list[Fact]:
    """Remark on kept rows whose picture has a name that the data set gave to one before."""
    known: set[str] = set()
    remarked = []
    for one in facts:
        remarked.append(replace(one, remarks=(*one.remarks, REPEATED)) if one.name in known else one)
        known |= {one.name} - {""}
    return remarked


def assign_splits(facts: Sequence[Fact], seed: int) -> list[Fact]:
    """Split 80/10/10 by garment item: all pictures of an item stand in one split, and so do all of a person.

    Items are ordered by a seeded hash of their id, so that the split does not depend on the order of rows. A person
    stands in the split of the first picture that shows them; a later picture of theirs whose item is in another split
    is refused. (Joining items that share a person into one group instead can join everything.)

    Raises:
        UserError: fewer than three items, so that a split would be empty.
    """
    ids = sorted({one.item_id for one in facts if not one.refused}, key=lambda name: derive_seed("split", seed, name))
    if len(ids) < 3:
        raise UserError(
            f"the seen source holds {len(ids)} usable garment items; train, val and test need one each at least"
        )
    held = max(1, round(len(ids) / 10))
    splits = {name: "test" if n < held else "val" if n < 2 * held else "train" for n, name in enumerate(ids)}
    homes: dict[str, str] = {}
    assigned = []
    for one in facts:
        if not one.refused:
            split = splits[one.item_id]
            foreign = one.person_id and homes.setdefault(one.person_id, split) != split
            one = replace(one, refused=FOREIGN_PERSON) if foreign else replace(one, split=split)
        assigned.append(one)
    return assigned


def _split(spool: Spool, facts: Sequence[Fact]) -> Iterator[Item]:
    """The spooled items that still stand, each with its split."""
    splits = {one.image_id: one.split for one in facts if not one.refused}
    for item in spool.items():
        if item.image_id in splits:
            yield replace(item, split=splits[item.image_id])


def summarise(facts: Sequence[Fact]) -> dict[str, Any]:
    """Counts of what was kept and refused, by reason, and the first refused rows of each by name: nested scalars."""
    kept = [one for one in facts if not one.refused]
    refused = [one for one in facts if one.refused]
    return {
        "rows": len(facts),
        "kept": len(kept),
        "refused": tally_refused(one.refused for one in refused),
        "remarks": tally(remark for one in kept for remark in one.remarks),
        "first_refused": name_first((f"{one.where}, {one.image_id}", one.refused) for one in refused),
        "garment_items": len({one.item_id for one in kept}),
        "persons": len({one.person_id for one in kept} - {""}),
        "splits": {split: sum(one.split == split for one in kept) for split in ("train", "val", "test")},
        "garments": tally(one.garment for one in kept),
    }


def _check_refused(where: str, facts: Sequence[Fact], most: float) -> None:
    refused = [one for one in facts if one.refused]
    if len(refused) == len(facts) or len(refused) > most * len(facts):
        reason, times = Counter(one.refused for one in refused).most_common(1)[0]
        raise UserError(
            f"{where}: {len(refused)} of {len(facts)} rows are refused, over prepare.max_refused ({most:g}); "
            f"{times} of them: {reason}; the first is {refused[0].where}, {refused[0].image_id}"
        )
