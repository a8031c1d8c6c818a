"""The masks that a row needs and does not bring: which they are, and finding them, each once."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from atelier.common.records import Probe, Triplet
from atelier.config import Models
from atelier.images.tensors import from_png, mask_to_png
from atelier.masks.segformer import Segmenter, find_garments, load_segmenter
from atelier.models.loading import choose_device

REMEMBERED = 4096  # predicted masks that are kept for the rows to come (PNG: some KB each)

Finder = Callable[[Sequence[np.ndarray], Sequence[str]], list[np.ndarray]]  # pictures, garments → masks
MaskKey = tuple[bytes, str]  # digest of a picture, garment


@dataclass(frozen=True)
class MaskRequest:
    """A row's pictures whose garment is to be found: two in a same-item pair, whose masks are joined."""

    row_id: str
    group: str  # split of a triplet, domain of a probe
    garment: str
    pictures: tuple[bytes, ...]
    masks: tuple[bytes | None, ...]
    box: list[float] | None
    exact: bytes | None = None  # what a predicted mask is compared with, never taken


def of_triplet(triplet: Triplet) -> MaskRequest:
    """What a triplet needs: the source's mask, and where the target is another photograph, the target's too."""
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
    """What a probe needs: the mask that its data set gives, never the exact one that a rendered picture also has."""
    return MaskRequest(
        row_id=probe.probe_id,
        group=probe.domain,
        garment=probe.garment,
        pictures=(probe.source,),
        masks=(probe.mask,),
        box=probe.box,
        exact=probe.exact_mask,
    )


def make_finder(models: Models) -> Finder:
    """A finder that loads its segmenter when it is first asked."""

    @cache
    def load() -> Segmenter:
        return load_segmenter(models.segmenter, choose_device(models.device))

    return lambda pictures, garments: find_garments(load(), pictures, garments)


def predict(chunk: Sequence[MaskRequest], known: Mapping[MaskKey, bytes], find: Finder) -> dict[MaskKey, bytes]:
    """The masks (PNG) that a chunk needs and does not bring, and the newest of those that were known.

    Each picture is predicted once, however many rows show it, unless REMEMBERED others came between.
    """
    asked = {
        mask_key(picture, one.garment): picture
        for one in chunk
        for picture, mask in zip(one.pictures, one.masks, strict=True)
        if mask is None
    }
    missing = {key: picture for key, picture in asked.items() if key not in known}
    if not missing:
        return dict(known)
    found = find([from_png(picture) for picture in missing.values()], [garment for _, garment in missing])
    new = {key: mask_to_png(mask) for key, mask in zip(missing, found, strict=True)}
    needed = {key: known[key] for key in asked if key in known}
    others = [item for item in known.items() if item[0] not in needed]
    return dict(others[-REMEMBERED:]) | needed | new


def mask_key(picture: bytes, garment: str) -> MaskKey:
    """What a mask is known by."""
    return hashlib.sha256(picture).digest(), garment
