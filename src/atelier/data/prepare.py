"""Read both sources into items, assign splits, and report which rows were kept or refused, and why.

A mask that a picture lacks is found by the segmenter if `find_masks` is set. A sheet per source shows the masks.
Rows are stored on disk as they are read, and only the fields that the split needs are kept in memory. An interrupted
run resumes after its last complete shard and writes the same bytes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from tqdm import tqdm

from atelier.common.checkpoints import CheckpointStore, open_store
from atelier.common.counts import name_first, tally, tally_refused
from atelier.common.errors import UserError
from atelier.common.files import digest, remove
from atelier.common.listing import list_files
from atelier.common.records import Item, write_rows
from atelier.common.rng import derive_seed
from atelier.config import Models, Prepare
from atelier.data.check_sheet import choose_rows, write_sheets
from atelier.data.found_masks import find_missing
from atelier.data.schemas import NO_CLOTHES, Request, count_left_out, read_items
from atelier.data.schemas.rows import exists, local_path
from atelier.data.shards import RowRecord, Shards
from atelier.masks.predict import make_slot_finder
from atelier.scenes import files_of

FOREIGN_PERSON = "person in another split"
REPEATED = "repeated id"

# Packages that the items depend on: the code in the key of the shards (see `checkpoints.TRAINING`).
CODE = ("common", "data", "images", "masks", "models", "scenes", "synthetic", "text", "world")


def open_shards(params: Prepare, models: Models) -> CheckpointStore:
    """Open the folder of the rows that an equal run has read before it was interrupted."""
    # `max_refused` does not change what is read, so a run that it stopped can resume with a higher limit
    settings = params.model_dump(exclude={"max_refused"})
    sources = (params.seen, params.unseen)
    found = [path for path in map(local_path, sources) if exists(path)]
    found += dict.fromkeys(path for source in sources for path in files_of(source) if exists(path))
    facts = {"stage": "prepare", "settings": settings, "sources": [_digest_source(path) for path in found]}
    if params.find_masks:
        weights = local_path(models.segmenter)
        facts["segmenter"] = [models.segmenter, *([digest(weights)] if exists(weights) else [])]
    return open_store(facts, CODE, found)


def _digest_source(path: Path) -> list[str]:
    """Return the digest of a file or folder, and those of the folders outside to which its links lead."""
    linked = {file.folder for file in list_files(path).files} - {path} if path.is_dir() else set()
    return [digest(folder) for folder in (path, *sorted(linked))]


def prepare_items(
    params: Prepare, models: Models, out: Path, sheets: Path, store: CheckpointStore
) -> dict[str, dict[str, Any]]:
    """Read, check and split the items of both domains and write them to `out` in row order, seen before unseen.

    Args:
        sheets: folder for the contact sheets, seen.jpg and unseen.jpg.
        store: `open_shards(params, models)`, owned by the caller until the report is written.

    Returns:
        The report for metrics/prepare.json.

    Raises:
        UserError: a source cannot be read or is empty, too many rows are refused, or too few items remain to split.
    """
    stores = {domain: Shards(store.folder / domain) for domain in ("seen", "unseen")}
    seen = assign_splits(_read(params, models, "seen", stores["seen"]), params.seed)
    unseen = [
        record if record.refused else replace(record, split="test")
        for record in _read(params, models, "unseen", stores["unseen"])
    ]
    shown: dict[str, list[Item]] = {"seen": [], "unseen": []}
    items = _show(chain(_split(stores["seen"], seen), _split(stores["unseen"], unseen)), (seen, unseen), shown)
    kept = sum(not record.refused for record in chain(seen, unseen))
    written = write_rows(out, Item, tqdm(items, desc="prepare: write", total=kept, unit="row", disable=None))
    if written != kept:  # the rows are spread over many files, which another process could have removed
        remove(out)
        raise UserError(f"{out}: {written} of {kept} rows written; rows below {store.folder} vanished meanwhile")
    write_sheets(sheets, shown, {record.image_id: record.mask for record in chain(seen, unseen)})
    return {
        "seen": summarise(seen) | _count_left_out(params, "seen"),
        "unseen": summarise(unseen) | _count_left_out(params, "unseen"),
    }


def describe(report: Mapping[str, Any], sheet: Path) -> str:
    """Return a line on one source: its pictures, masks and refused rows, and where to check them."""
    masks, reasons = report["masks"], [f"{count} {reason}" for reason, count in report["refused"].items()]
    refused = f"refused {report['refused']['total']}" + (f" ({', '.join(reasons[1:])})" if reasons[1:] else "")
    with_masks = f"{masks['given'] + masks['found']} with masks ({masks['given']} given, {masks['found']} found)"
    return f"{report['kept']} pictures, {with_masks}; {refused}; check them on {sheet}"


def _read(params: Prepare, models: Models, domain: str, shards: Shards) -> list[RowRecord]:
    """Read the rows of a domain that are not yet stored; return the records of all its rows."""
    where, schema, number = (getattr(params, f"{domain}{key}") for key in ("", "_schema", "_rows"))
    shards.check()
    if not shards.complete:
        start = len(shards.records())
        fit, seed, columns = params.fit, params.seed, params.columns
        request = Request(where, schema, domain, number, params.size, fit, seed, columns, start, params.only_clothes)
        rows = read_items(request)
        rows = find_missing(rows, make_slot_finder(models)) if params.find_masks else rows
        bar = tqdm(rows, desc=f"prepare {domain}", total=number, initial=start, unit="row", disable=None)
        with closing(bar):
            shards.fill(iter(bar))
    records = _remark_repeats(shards.records())
    _check_refused(where, records, params.max_refused)
    return records


def _count_left_out(params: Prepare, domain: str) -> dict[str, dict[str, int]]:
    """Count the files of a local folder that are not read; {} where there are none."""
    left_out = count_left_out(getattr(params, domain), getattr(params, f"{domain}_schema"), params.columns)
    return {"left_out": left_out} if left_out else {}


def _remark_repeats(records: Sequence[RowRecord]) -> list[RowRecord]:
    """Add a remark to kept rows whose picture has the same name in the data set as an earlier one."""
    known: set[str] = set()
    remarked = []
    for record in records:
        remarked.append(replace(record, remarks=(*record.remarks, REPEATED)) if record.name in known else record)
        known |= {record.name} - {""}
    return remarked


def assign_splits(records: Sequence[RowRecord], seed: int) -> list[RowRecord]:
    """Split 80/10/10 by garment item; all pictures of an item, and all of a person, belong to one split.

    Items are ordered by a seeded hash of their id, so that the split does not depend on the order of rows. The split of
    a person is that of the first picture that shows them; a later picture of the same person whose item belongs to
    another split is refused. (Grouping the items that share a person could put all items into one group.)

    Raises:
        UserError: there are fewer than three items, so that a split would be empty.
    """
    ids = sorted(
        {record.item_id for record in records if not record.refused}, key=lambda name: derive_seed("split", seed, name)
    )
    if len(ids) < 3:
        raise UserError(
            f"the seen source holds {len(ids)} usable garment items; train, val and test need one each at least"
        )
    held = max(1, round(len(ids) / 10))
    splits = {name: "test" if n < held else "val" if n < 2 * held else "train" for n, name in enumerate(ids)}
    homes: dict[str, str] = {}
    assigned = []
    for record in records:
        if not record.refused:
            split = splits[record.item_id]
            foreign = record.person_id and homes.setdefault(record.person_id, split) != split
            record = replace(record, refused=FOREIGN_PERSON) if foreign else replace(record, split=split)
        assigned.append(record)
    return assigned


def _split(shards: Shards, records: Sequence[RowRecord]) -> Iterator[Item]:
    """Yield the stored items that were kept, each with its split."""
    splits = {record.image_id: record.split for record in records if not record.refused}
    for item in shards.items():
        if item.image_id in splits:
            yield replace(item, split=splits[item.image_id])


def _show(items: Iterable[Item], records: Iterable[list[RowRecord]], shown: dict[str, list[Item]]) -> Iterator[Item]:
    """Yield the items, and keep those that the contact sheets show, by domain."""
    chosen = {image_id for domain in records for image_id in choose_rows(domain)}
    for item in items:
        if item.image_id in chosen:
            shown[item.domain].append(item)
        yield item


def summarise(records: Sequence[RowRecord]) -> dict[str, Any]:
    """Count kept rows, and refused rows by reason, and name the first refused ones: nested scalars."""
    kept = [record for record in records if not record.refused]
    refused = [record for record in records if record.refused]
    return {
        "rows": len(records),
        "kept": len(kept),
        "refused": tally_refused(record.refused for record in refused),
        "remarks": tally(remark for record in kept for remark in record.remarks),
        "first_refused": name_first((f"{record.where}, {record.image_id}", record.refused) for record in refused),
        "garment_items": len({record.item_id for record in kept}),
        "persons": len({record.person_id for record in kept} - {""}),
        "splits": {split: sum(record.split == split for record in kept) for split in ("train", "val", "test")},
        "garments": tally(record.garment for record in kept),
        "masks": {origin or "none": sum(record.mask == origin for record in kept) for origin in ("given", "found", "")},
    }


def _check_refused(where: str, records: Sequence[RowRecord], most: float) -> None:
    """Stop where too many rows cannot be used; those that the user leaves out (`only_clothes`) do not count."""
    if records and all(record.refused == NO_CLOTHES for record in records):
        raise UserError(f"{where}: none of {len(records)} instructions names clothes, as prepare.only_clothes asks for")
    records = [record for record in records if record.refused != NO_CLOTHES]
    refused = [record for record in records if record.refused]
    if len(refused) == len(records) or len(refused) > most * len(records):
        reason, times = Counter(record.refused for record in refused).most_common(1)[0]
        raise UserError(
            f"{where}: {len(refused)} of {len(records)} rows are refused, over prepare.max_refused ({most:g}); "
            f"{times} of them: {reason}; the first is {refused[0].where}, {refused[0].image_id}"
        )
