"""Make the zones of every triplet and probe: the named garment's mask, given or predicted, and its scaled box."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from atelier.common.counts import name_first, tally_refused
from atelier.common.errors import UserError
from atelier.common.files import atomic_write
from atelier.common.records import Probe, Triplet, Zones, count_rows, iter_rows, write_rows
from atelier.config import Mask, Models
from atelier.images.boxes import box_of, inside_box, scale_box
from atelier.images.tensors import mask_from_png, mask_to_png
from atelier.masks.predict import Finder, MaskKey, MaskRequest, make_finder, mask_key, of_probe, of_triplet, predict

CHUNK = 64  # rows whose pictures are in memory at a time


@dataclass(frozen=True)
class MaskResult:
    """The result for a row, without its pictures."""

    row_id: str
    group: str
    origin: str  # given | predicted
    refused: str = ""  # reason; "": the row has zones
    share: float = 0.0  # of the picture that the tight zone covers
    overlap: float | None = None  # intersection over union of predicted and exact mask


def mask_all(
    triplets: Path, probes: Path, out_triplets: Path, out_probes: Path, params: Mask, models: Models
) -> dict[str, Any]:
    """Write the zones of the triplets and of the probes; both files appear at once.

    The segmenter is loaded only if a row has no mask.

    Returns:
        The report for metrics/mask.json.

    Raises:
        UserError: no triplet of a split or no probe of a domain has zones, or the segmenter cannot be loaded.
    """
    find = make_finder(models)
    opened = iter_rows(triplets, Triplet), iter_rows(probes, Probe)
    counts = count_rows(triplets, Triplet), count_rows(probes, Probe)
    with atomic_write(out_triplets) as zones, atomic_write(out_probes) as probe_zones:
        rows = tqdm(map(of_triplet, opened[0]), "mask triplets", counts[0], unit="row", disable=None)
        results = mask_rows(rows, zones, params, find)
        rows = tqdm(map(of_probe, opened[1]), "mask probes", counts[1], unit="row", disable=None)
        probe_results = mask_rows(rows, probe_zones, params, find)
    agreement = {"predicted_iou": measure_agreement(probe_results)}
    return {"triplets": summarise(results), "probes": summarise(probe_results) | agreement}


def mask_rows(requests: Iterable[MaskRequest], out: Path, params: Mask, find: Finder) -> list[MaskResult]:
    """Write the zones of all rows whose garment is found, in the order of the rows.

    A given mask is used unchanged; a predicted one is limited to the row's scaled box, if the row has a box.

    Returns:
        The result of each row.

    Raises:
        UserError: no row of a group (split or domain) has zones; then nothing is written.
    """
    results: list[MaskResult] = []

    def kept() -> Iterator[Zones]:
        for zones, result in _decide(iter(requests), params, find):
            results.append(result)
            if zones is not None:
                yield zones
        _check_left(results)

    write_rows(out, Zones, kept())
    return results


def _decide(requests: Iterator[MaskRequest], params: Mask, find: Finder) -> Iterator[tuple[Zones | None, MaskResult]]:
    """Yield each row's zones and result, computed a chunk of rows at a time."""
    known: dict[MaskKey, bytes] = {}
    while chunk := list(islice(requests, CHUNK)):
        known = predict(chunk, known, find)
        for request in chunk:
            masks = [
                mask_from_png(known[mask_key(picture, request.garment)] if mask is None else mask)
                for picture, mask in zip(request.pictures, request.masks, strict=True)
            ]
            yield _zone(request, np.logical_or.reduce(masks), params)


def _zone(request: MaskRequest, mask: np.ndarray, params: Mask) -> tuple[Zones | None, MaskResult]:
    """Return one row's zones, None if refused, and its result."""
    height, width = mask.shape
    given = None not in request.masks
    origin = "given" if given else "predicted"
    box = None if request.box is None else scale_box(request.box, params.box_scale, width, height)
    tight = mask if given or box is None else mask & inside_box(box, width, height)
    refused = ""
    if not tight.any():
        refused = "empty mask" if given else "no garment found"
    elif tight.mean() < params.min_area:
        refused = "garment under min_area"
    if refused:
        return None, MaskResult(request.row_id, request.group, origin, refused)
    overlap = None
    if request.exact and not given:
        exact = mask_from_png(request.exact)
        overlap = float((tight & exact).sum() / (tight | exact).sum())
    zones = Zones(
        row_id=request.row_id,
        tight=mask_to_png(tight),
        box=box or scale_box(box_of(tight), params.box_scale, width, height),
        origin=origin,
    )
    return zones, MaskResult(request.row_id, request.group, origin, share=float(tight.mean()), overlap=overlap)


def measure_agreement(results: Iterable[MaskResult]) -> dict[str, Any]:
    """Summarise the intersection over union of predicted and exact masks by domain, where the exact mask is known."""
    overlaps: dict[str, list[float]] = {}
    for result in results:
        if result.overlap is not None:
            overlaps.setdefault(result.group, []).append(result.overlap)
    return {
        domain: {"mean": round(float(np.mean(ious)), 6), "min": round(min(ious), 6), "n": len(ious)}
        for domain, ious in overlaps.items()
    }


def summarise(results: Sequence[MaskResult]) -> dict[str, Any]:
    """Count given, predicted and refused masks, the latter by reason, and name the first refused rows."""
    kept = [result for result in results if not result.refused]
    refused = [(result.row_id, result.refused) for result in results if result.refused]
    return {
        "rows": len(results),
        "kept": len(kept),
        "given": sum(result.origin == "given" for result in kept),
        "predicted": sum(result.origin == "predicted" for result in kept),
        "refused": tally_refused(reason for _, reason in refused),
        "first_refused": name_first(refused),
        "tight_share": round(float(np.mean([result.share for result in kept])), 6),
    }


def _check_left(results: Sequence[MaskResult]) -> None:
    for group in dict.fromkeys(result.group for result in results):
        rows = [result for result in results if result.group == group]
        if all(result.refused for result in rows):
            reason, times = Counter(result.refused for result in rows).most_common(1)[0]
            raise UserError(f"none of the {len(rows)} {group} rows has a usable mask; {times} of them: {reason}")
