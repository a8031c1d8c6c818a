"""Predict the masks that rows need and do not have, each once."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from atelier.common.records import Probe, Triplet
from atelier.config import Models
from atelier.images.tensors import from_png, mask_to_png
from atelier.masks.segformer import Found, Segmenter, find_slots, load_segmenter, search_garments
from atelier.models.loading import choose_device

REMEMBERED = 4096  # predicted masks kept in memory for later rows (PNG: a few KB each)

Finder = Callable[[Sequence[np.ndarray], Sequence[str]], list[np.ndarray]]  # pictures, garments → masks
SlotFinder = Callable[[Sequence[np.ndarray]], list[dict[str, np.ndarray]]]  # pictures → slot → mask
Search = Callable[[Sequence[np.ndarray], Sequence[str]], list[Found]]  # … → masks with the segmenter's confidence
MaskKey = tuple[bytes, str]  # digest of a picture, garment


@dataclass(frozen=True)
class MaskRequest:
    """The pictures of a row whose garment mask is needed: two in a same-item pair, whose masks are united."""

    row_id: str
    group: str  # split of a triplet, domain of a probe
    garment: str
    pictures: tuple[bytes, ...]
    masks: tuple[bytes | None, ...]
    box: list[float] | None
    exact: bytes | None = None  # compared with a predicted mask; never used as the mask


def of_triplet(triplet: Triplet) -> MaskRequest:
    """Request the source's mask and, if the target is another photograph, the target's as well."""
    both = triplet.kind == "same_item"
    return MaskRequest(
        row_id=triplet.triplet_id,
        group=triplet.split,
        garment=triplet.garment,
        pictures=(triplet.source, triplet.target) if both else (triplet.source,),
        masks=(triplet.source_mask, triplet.target_mask) if both else (triplet.source_mask,),
        box=triplet.box,
    )


def of_probe(probe: Probe) -> MaskRequest:
    """Request the mask that the data set gives, or a prediction; never the exact mask of a rendered picture."""
    return MaskRequest(
        row_id=probe.probe_id,
        group=probe.domain,
        garment=probe.garment,
        pictures=(probe.source,),
        masks=(probe.mask,),
        box=probe.box,
        exact=probe.exact_mask,
    )


def make_search(models: Models) -> Search:
    """Return a search for garments that loads its segmenter on the first call."""
    load = _loader(models)
    return lambda pictures, garments: search_garments(load(), pictures, garments)


def make_finder(models: Models) -> Finder:
    """Return a finder of masks that loads its segmenter on the first call."""
    search = make_search(models)
    return lambda pictures, garments: [found.mask for found in search(pictures, garments)]


def make_slot_finder(models: Models) -> SlotFinder:
    """Return a finder of everything worn, slot by slot, that loads its segmenter on the first call."""
    load = _loader(models)
    return lambda pictures: find_slots(load(), pictures)


def _loader(models: Models) -> Callable[[], Segmenter]:
    """Return a function that loads the segmenter on its first call."""
    return cache(lambda: load_segmenter(models.segmenter, choose_device(models.device)))


def predict(chunk: Sequence[MaskRequest], known: Mapping[MaskKey, bytes], find: Finder) -> dict[MaskKey, bytes]:
    """Return the masks (PNG) that a chunk needs and does not have, and the newest of the known ones.

    A picture that several rows share is predicted once, unless more than REMEMBERED others come in between.
    """
    needed = {
        mask_key(picture, request.garment): picture
        for request in chunk
        for picture, mask in zip(request.pictures, request.masks, strict=True)
        if mask is None
    }
    missing = {key: picture for key, picture in needed.items() if key not in known}
    if not missing:
        return dict(known)
    found = find([from_png(picture) for picture in missing.values()], [garment for _, garment in missing])
    new = {key: mask_to_png(mask) for key, mask in zip(missing, found, strict=True)}
    kept = {key: known[key] for key in needed if key in known}
    others = [item for item in known.items() if item[0] not in kept]
    return dict(others[-REMEMBERED:]) | kept | new


def mask_key(picture: bytes, garment: str) -> MaskKey:
    """Return the key under which a mask is cached."""
    return hashlib.sha256(picture).digest(), garment
