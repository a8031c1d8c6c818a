"""Prepare: both sources → clean items with a split, and a report of what was kept, what was refused, and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tqdm import tqdm

from atelier.config import Prepare
from atelier.errors import UserError
from atelier.records import Item
from atelier.seeds import derive_seed
from atelier.sources import Reading, read_items
from atelier.tallies import name_first, tally, tally_refused

FOREIGN_PERSON = "person in another split"


def prepare_items(params: Prepare) -> tuple[list[Item], dict[str, Any]]:
    """Read, check and split both domains' items.

    Returns:
        The items in the order of their rows, seen before unseen, and the report for metrics/prepare.json.

    Raises:
        UserError: a source cannot be read or is empty, too many rows are bad, or too few items are left to split.
    """
    kept: list[Item] = []
    report: dict[str, Any] = {}
    for domain, where, schema, rows in (
        ("seen", params.seen, params.seen_schema, params.seen_rows),
        ("unseen", params.unseen, params.unseen_schema, params.unseen_rows),
    ):
        source = read_items(where, schema, domain, rows, params.size, params.fit, params.seed)
        readings = list(tqdm(source, desc=f"prepare {domain}", total=rows, unit="row", disable=None))
        _check_refused(where, readings, params.max_refused)
        readings = assign_splits(readings, params.seed) if domain == "seen" else [_to_test(one) for one in readings]
        kept.extend(reading.item for reading in readings if reading.item)
        report[domain] = summarise(readings)
    return kept, report


def assign_splits(readings: list[Reading], seed: int) -> list[Reading]:
    """Split 80/10/10 by garment item: all pictures of an item stand in one split, and so do all of a person.

    Items are ordered by a seeded hash of their id, so that the split does not depend on the order of rows. A person
    stands in the split of the first picture that shows them; a later picture of theirs whose item is in another split
    is refused. (Joining items that share a person into one group instead can join everything.)

    Raises:
        UserError: fewer than three items, so that a split would be empty.
    """
    ids = sorted(
        {reading.item.item_id for reading in readings if reading.item},
        key=lambda name: derive_seed("split", seed, name),
    )
    if len(ids) < 3:
        raise UserError(
            f"the seen source holds {len(ids)} usable garment items; train, val and test need one each at least"
        )
    held = max(1, round(len(ids) / 10))
    splits = {name: "test" if n < held else "val" if n < 2 * held else "train" for n, name in enumerate(ids)}
    homes: dict[str, str] = {}
    assigned = []
    for reading in readings:
        if reading.item is not None:
            split, person = splits[reading.item.item_id], reading.item.person_id
            if person and homes.setdefault(person, split) != split:
                reading = replace(reading, item=None, refused=FOREIGN_PERSON)
            else:
                reading = replace(reading, item=replace(reading.item, split=split))
        assigned.append(reading)
    return assigned


def summarise(readings: Iterable[Reading]) -> dict[str, Any]:
    """Counts of what was kept and refused, by reason, and the first refused rows by name: nested scalars."""
    readings = list(readings)
    items = [reading.item for reading in readings if reading.item]
    refused = [(number, reading) for number, reading in enumerate(readings) if reading.item is None]
    return {
        "rows": len(readings),
        "kept": len(items),
        "refused": tally_refused(reading.refused for _, reading in refused),
        "remarks": tally(remark for reading in readings if reading.item for remark in reading.remarks),
        "first_refused": name_first([f"row {n}, {reading.image_id}: {reading.refused}" for n, reading in refused]),
        "garment_items": len({item.item_id for item in items}),
        "persons": len({item.person_id for item in items} - {""}),
        "splits": {split: sum(item.split == split for item in items) for split in ("train", "val", "test")},
        "garments": tally(item.garment for item in items),
    }


def _to_test(reading: Reading) -> Reading:
    return replace(reading, item=replace(reading.item, split="test")) if reading.item else reading


def _check_refused(where: str, readings: list[Reading], most: float) -> None:
    refused = [reading for reading in readings if reading.item is None]
    if len(refused) == len(readings) or len(refused) > most * len(readings):
        reason, times = Counter(reading.refused for reading in refused).most_common(1)[0]
        raise UserError(
            f"{where}: {len(refused)} of {len(readings)} rows are refused, over prepare.max_refused ({most:g}); "
            f"{times} of them: {reason}; the first is {refused[0].image_id}"
        )
