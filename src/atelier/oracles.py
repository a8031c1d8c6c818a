"""Edits whose quality is known without looking: what measures must rank as they do, and reference rows in the tables.

    picture_tint   the whole picture tinted or printed with the fabric asked for: the edit, and everything leaked
    box_tint       the same inside the garment's box
    dilated        the exact target, spilt a little over the garment's edge
    other_item     another source's picture: neither the edit nor the picture

The copy and the exact target are oracles too; they stand among `scoring.MODELS` because comparisons are made with them.
"""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt

from atelier.cases import Case
from atelier.images import from_png
from atelier.records import Probe
from atelier.trimap import box_of
from atelier.wording import find_mention
from atelier.world.fabric import print_fabric

ORACLES = ("picture_tint", "box_tint", "dilated", "other_item")
STRENGTH = 0.6  # of a tint: six tenths fabric, four tenths of what was there
SPILL = 1 / 32  # how far `dilated` spills, as a share of the picture's side


def draw_oracles(case: Case, other: bytes | None) -> dict[str, np.ndarray]:
    """The oracles that can be made of a case, name → uint8 (H, W, 3), in the order of `ORACLES`.

    On a photograph there is no exact target to spill, and no fabric to print but a plain one in a named colour.

    Args:
        other: another source's picture (PNG), of the same domain; None where there is none.
    """
    probe = case.probe
    source, mask = from_png(probe.source), from_png(probe.exact_mask or case.zones.tight) >= 128
    drawn = {}
    fabric = asked_fabric(probe, source.shape[0])
    if fabric is not None:
        tinted = (source * (1 - STRENGTH) + fabric * STRENGTH + 0.5).astype(np.uint8)
        x1, y1, x2, y2 = map(int, box_of(mask))
        boxed = source.copy()
        boxed[y1:y2, x1:x2] = tinted[y1:y2, x1:x2]
        drawn |= {"picture_tint": tinted, "box_tint": boxed}
    if probe.target is not None:
        drawn["dilated"] = spill(from_png(probe.target), mask, max(1, round(SPILL * source.shape[0])))
    if other is not None:
        drawn["other_item"] = from_png(other)
    return drawn


def asked_fabric(probe: Probe, size: int) -> np.ndarray | None:
    """The fabric that a prompt asks for, flat and evenly lit: float32 (size, size, 3) in [0, 255].

    What the prompt does not name stays as the target caption says it is. None where that is not known: of a photograph
    only a named colour is.
    """
    said = find_mention(probe.target_caption, probe.garment) if probe.target is not None else None
    colour = probe.value if probe.factor == "colour" else said and said.colour
    if not colour:
        return None
    pattern = (said and said.pattern) or "solid"
    return print_fabric(colour, pattern, np.ones((size, size), np.float32), np.zeros((size, size), np.float32))


def spill(picture: np.ndarray, mask: np.ndarray, reach: int) -> np.ndarray:
    """A picture whose masked pixels have spread: those up to `reach` px away take the nearest masked pixel's colour."""
    distance, nearest = distance_transform_edt(~mask, return_indices=True)
    reached = distance <= reach
    spilt = picture.copy()
    spilt[reached] = picture[tuple(nearest[:, reached])]
    return spilt


def other_pictures(cases: Sequence[Case]) -> dict[str, bytes | None]:
    """source_id → the picture of the next source of its domain (after the last the first); None where it is alone."""
    pictures: dict[str, dict[str, bytes]] = {}
    for case in cases:
        pictures.setdefault(case.probe.domain, {})[case.probe.source_id] = case.probe.source
    others: dict[str, bytes | None] = {}
    for sources in pictures.values():
        names = list(sources)
        for name, following in zip(names, [*names[1:], names[0]], strict=True):
            others[name] = sources[following] if following != name else None
    return others
