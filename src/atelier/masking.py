"""Mask: the zones of every triplet and probe: the named garment's mask, given or predicted, and its scaled box."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from atelier.config import Mask, Models
from atelier.editor import choose_device
from atelier.errors import UserError
from atelier.images import from_png, to_png
from atelier.records import Probe, Triplet, Zones
from atelier.segment import find_garments, load_segmenter
from atelier.tallies import name_first, tally_refused
from atelier.trimap import box_of, scale_box

Finder = Callable[[Sequence[np.ndarray], Sequence[str]], list[np.ndarray]]  # pictures, garments → masks


@dataclass(frozen=True)
class Wanted:
    """A row's pictures whose garment is to be found: two in a same-item pair, whose masks are joined."""

    row_id: str
    group: str  # split of a triplet, domain of a probe
    garment: str
    pictures: tuple[bytes, ...]
    masks: tuple[bytes | None, ...]
    box: list[float] | None


def of_triplet(triplet: Triplet) -> Wanted:
    """What a triplet needs: the source's mask, and where the target is another photograph, the target's too."""
    both = triplet.kind == "same_item"
    return Wanted(
        row_id=triplet.triplet_id,
        group=triplet.split,
        garment=triplet.garment,
        pictures=(triplet.source, triplet.target) if both else (triplet.source,),
        masks=(triplet.source_mask, triplet.target_mask) if both else (triplet.source_mask,),
        box=triplet.box,
    )


def of_probe(probe: Probe) -> Wanted:
    """What a probe needs: the mask that its data set gives, never the exact one that a rendered picture also has."""
    return Wanted(probe.probe_id, probe.domain, probe.garment, (probe.source,), (probe.mask,), probe.box)


def mask_all(
    triplets: Sequence[Triplet], probes: Sequence[Probe], params: Mask, models: Models
) -> tuple[list[Zones], list[Zones], dict[str, Any]]:
    """The zones of the triplets, those of the probes, and the report for metrics/mask.json.

    The segmenter is loaded only where a row brings no mask.

    Raises:
        UserError: a split's triplets or a domain's probes are left with none, or the segmenter cannot be loaded.
    """

    def find(pictures: Sequence[np.ndarray], garments: Sequence[str]) -> list[np.ndarray]:
        return find_garments(load_segmenter(models.segmenter, choose_device(models.device)), pictures, garments)

    zones, facts = mask_rows([of_triplet(one) for one in triplets], params, find)
    probe_zones, probe_facts = mask_rows([of_probe(one) for one in probes], params, find)
    agreement = {"predicted_iou": measure_agreement(probes, probe_zones)}
    return zones, probe_zones, {"triplets": facts, "probes": probe_facts | agreement}


def mask_rows(wanted: Sequence[Wanted], params: Mask, find: Finder) -> tuple[list[Zones], dict[str, Any]]:
    """The zones of all rows whose garment is found, in the order of the rows, and a report on them.

    A given mask is taken as it is; a predicted one is kept inside the box, scaled, where the row has one.

    Raises:
        UserError: a group of rows (a split or a domain) is left with none.
    """
    predicted = _predict(wanted, find)
    zones: list[Zones] = []
    refused: dict[str, str] = {}
    for one in wanted:
        masks = [
            predicted[picture, one.garment] if mask is None else from_png(mask) >= 128
            for picture, mask in zip(one.pictures, one.masks, strict=True)
        ]
        result = _zone(one, np.logical_or.reduce(masks), params)
        if isinstance(result, str):
            refused[one.row_id] = result
        else:
            zones.append(result)
    _check_left(wanted, zones, refused)
    return zones, _summarise(wanted, zones, refused)


def _predict(wanted: Sequence[Wanted], find: Finder) -> dict[tuple[bytes, str], np.ndarray]:
    """(picture, garment) → mask, where a row brings none; each picture once, however many prompts edit it."""
    missing = list(
        dict.fromkeys(
            (picture, one.garment)
            for one in wanted
            for picture, mask in zip(one.pictures, one.masks, strict=True)
            if mask is None
        )
    )
    if not missing:
        return {}
    found = find([from_png(picture) for picture, _ in missing], [garment for _, garment in missing])
    return dict(zip(missing, found, strict=True))


def _zone(wanted: Wanted, mask: np.ndarray, params: Mask) -> Zones | str:
    """One row's zones, or why it has none."""
    height, width = mask.shape
    given = None not in wanted.masks
    box = None if wanted.box is None else scale_box(wanted.box, params.box_scale, width, height)
    tight = mask if given or box is None else mask & _inside(box, width, height)
    if not tight.any():
        return "empty mask" if given else "no garment found"
    if tight.mean() < params.min_area:
        return "garment under min_area"
    return Zones(
        row_id=wanted.row_id,
        tight=to_png(np.where(tight, np.uint8(255), np.uint8(0))),
        box=box or scale_box(box_of(tight), params.box_scale, width, height),
        origin="given" if given else "predicted",
    )


def _inside(box: list[float], width: int, height: int) -> np.ndarray:
    """Pixels whose centre is in a box: bool (H, W)."""
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    return ((y >= box[1]) & (y < box[3]))[:, None] & ((x >= box[0]) & (x < box[2]))[None]


def measure_agreement(probes: Sequence[Probe], zones: Sequence[Zones]) -> dict[str, Any]:
    """Intersection over union of predicted and exact masks, by domain, where the exact one is known."""
    exact = {probe.probe_id: (probe.domain, probe.exact_mask) for probe in probes if probe.exact_mask}
    overlaps: dict[str, list[float]] = {}
    for zone in zones:
        if zone.origin == "predicted" and zone.row_id in exact:
            domain, mask = exact[zone.row_id]
            tight, truth = from_png(zone.tight) >= 128, from_png(mask) >= 128
            overlaps.setdefault(domain, []).append(float((tight & truth).sum() / (tight | truth).sum()))
    return {
        domain: {"mean": round(float(np.mean(ious)), 6), "min": round(min(ious), 6), "n": len(ious)}
        for domain, ious in overlaps.items()
    }


def _check_left(wanted: Sequence[Wanted], zones: Sequence[Zones], refused: dict[str, str]) -> None:
    left = {zone.row_id for zone in zones}
    for group in dict.fromkeys(one.group for one in wanted):
        rows = [one.row_id for one in wanted if one.group == group]
        if not left.intersection(rows):
            reason, times = Counter(refused[row] for row in rows).most_common(1)[0]
            raise UserError(f"none of the {len(rows)} {group} rows has a usable mask; {times} of them: {reason}")


def _summarise(wanted: Sequence[Wanted], zones: Sequence[Zones], refused: dict[str, str]) -> dict[str, Any]:
    shares = [float((from_png(zone.tight) >= 128).mean()) for zone in zones]
    return {
        "rows": len(wanted),
        "kept": len(zones),
        "given": sum(zone.origin == "given" for zone in zones),
        "predicted": sum(zone.origin == "predicted" for zone in zones),
        "refused": tally_refused(refused.values()),
        "first_refused": name_first([f"{row}: {reason}" for row, reason in refused.items()]),
        "tight_share": round(float(np.mean(shares)), 6),
    }
