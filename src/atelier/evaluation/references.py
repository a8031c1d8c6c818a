"""Reference edits: edits of known quality that metrics must rank correctly and that the tables show for comparison.

    picture_tint   the whole image tinted or printed with the requested fabric: a complete edit with complete leakage
    box_tint       the same inside the garment's box
    dilated        the exact target, spilt a little over the garment's edge
    other_item     the image of another source: neither the edit nor the source

The copy and the exact target have known quality too; they are among `registry.MODELS` because models are compared with
them.
"""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt

from atelier.common.records import Probe
from atelier.evaluation.samples import Sample
from atelier.images.boxes import box_of
from atelier.images.tensors import from_png
from atelier.scenes import fill_flat
from atelier.text.captions import find_mention

REFERENCES = ("picture_tint", "box_tint", "dilated", "other_item")
STRENGTH = 0.6  # weight of the fabric in a tint; the source has the rest
SPILL = 1 / 32  # reach of `dilated` beyond the garment, as a share of the image's side


def make_references(sample: Sample, other: bytes | None) -> dict[str, np.ndarray]:
    """Return the reference edits that a sample allows, name → uint8 (H, W, 3), in the order of `REFERENCES`.

    A photograph has no exact target to spill, and its only known fabric is a plain one in a named colour.

    Args:
        other: image of another source (PNG) of the same domain; None if there is none.
    """
    probe = sample.probe
    source, mask = from_png(probe.source), from_png(probe.exact_mask or sample.zones.tight) >= 128
    edits = {}
    fabric = requested_fabric(probe, source.shape[0], photographic=sample.photographic)
    if fabric is not None:
        tinted = (source * (1 - STRENGTH) + fabric * STRENGTH + 0.5).astype(np.uint8)
        x1, y1, x2, y2 = map(int, box_of(mask))
        boxed = source.copy()
        boxed[y1:y2, x1:x2] = tinted[y1:y2, x1:x2]
        edits |= {"picture_tint": tinted, "box_tint": boxed}
    if probe.aligned_target is not None:
        edits["dilated"] = spill(from_png(probe.aligned_target), mask, max(1, round(SPILL * source.shape[0])))
    if other is not None:
        edits["other_item"] = from_png(other)
    return edits


def requested_fabric(probe: Probe, size: int, *, photographic: bool = False) -> np.ndarray | None:
    """Return the fabric that a prompt requests, flat and evenly lit: float32 (size, size, 3) in [0, 255].

    What the prompt does not name is as in the target caption. None if that is unknown: for a photograph by a camera,
    everything except a named colour is.

    Args:
        photographic: whether the picture is of the photographic world, which has more colours and other prints.
    """
    mention = find_mention(probe.target_caption, probe.garment) if probe.rendered and probe.target else None
    colour = probe.colour or (mention and mention.colour)
    if colour is None:
        return None
    return fill_flat(colour, (mention and mention.pattern) or "solid", size, photographic=photographic)


def spill(picture: np.ndarray, mask: np.ndarray, reach: int) -> np.ndarray:
    """Spread the masked pixels: pixels up to `reach` px away take the colour of the nearest masked pixel."""
    distance, nearest = distance_transform_edt(~mask, return_indices=True)
    reached = distance <= reach
    spilt = picture.copy()
    spilt[reached] = picture[tuple(nearest[:, reached])]
    return spilt


def other_pictures(samples: Sequence[Sample]) -> dict[str, bytes | None]:
    """Return source_id → image of the next source of its domain, cyclically; None if the domain has one source."""
    pictures: dict[str, dict[str, bytes]] = {}
    for sample in samples:
        pictures.setdefault(sample.probe.domain, {})[sample.probe.source_id] = sample.probe.source
    others: dict[str, bytes | None] = {}
    for sources in pictures.values():
        names = list(sources)
        for name, following in zip(names, [*names[1:], names[0]], strict=True):
            others[name] = sources[following] if following != name else None
    return others
