"""The masks of probes that an editor's user would have: given by a data set or found, never a renderer's own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from atelier.common.iterables import batched
from atelier.common.notices import notice
from atelier.common.records import Probe, Zones, iter_rows
from atelier.images.tensors import mask_from_png
from atelier.masks.predict import Finder, MaskKey, MaskRequest, mask_key, of_probe, predict

CHUNK = 64  # pictures that are searched at a time


def read_zones(path: Path, probes: Iterable[Probe]) -> dict[str, Zones]:
    """Read the zones of probes, by probe.

    Raises:
        UserError: the file cannot be read.
    """
    wanted = {probe.probe_id for probe in probes}
    return {zone.row_id: zone for zone in iter_rows(path, Zones) if zone.row_id in wanted}


def collect_masks(probes: Sequence[Probe], zones: Mapping[str, Zones], find: Finder) -> dict[str, bytes]:
    """Return a mask, PNG, for each probe whose garment is known or found, by probe.

    It is the one that the stage `mask` made. Where that is a renderer's own, which is exact, and where there is none,
    it is the data set's, or else found in the picture.
    """
    known: dict[MaskKey, bytes] = {}
    masks: dict[str, bytes] = {}
    asked: list[tuple[str, MaskRequest]] = []
    for probe in probes:
        zone = zones.get(probe.probe_id)
        if zone is not None and not (probe.rendered and zone.origin == "given"):
            masks[probe.probe_id] = zone.tight
        elif probe.mask is not None and not probe.rendered:
            masks[probe.probe_id] = probe.mask
        elif probe.garment:  # else the prompt is about the whole picture
            asked.append((probe.probe_id, replace(of_probe(probe), masks=(None,))))
    for chunk in batched(asked, CHUNK):
        known = predict([request for _, request in chunk], known, find)
        for probe_id, request in chunk:
            masks[probe_id] = known[mask_key(request.pictures[0], request.garment)]
    masks = {probe_id: mask for probe_id, mask in masks.items() if mask_from_png(mask).any()}
    lost = sum(bool(probe.garment) and probe.probe_id not in masks for probe in probes)
    if lost:
        notice(f"generate.keep: the garment of {lost} of {len(probes)} probes is not found; all of these may change")
    return masks
