"""Clean items out of decoded pictures: what a source does not know of a picture is left empty, never guessed."""

from collections.abc import Callable

import numpy as np

from atelier.fingerprints import fingerprint
from atelier.garments import SLOTS
from atelier.images import to_png
from atelier.instructions import caption, describe
from atelier.records import Item
from atelier.sources.decode import RefusedError
from atelier.sources.fitting import Box, Fit, fit_mask
from atelier.sources.reading import Place


def make_item(
    image_id: str,
    place: Place,
    pixels: np.ndarray,
    garment: str,
    *,
    item_id: str = "",
    person_id: str = "",
    variant: str = "",
    pose: str = "",
    view: str = "",
    gender: str = "person",
    words: str = "",
    mask: np.ndarray | None = None,
    box: Box | None = None,
    scene: str | None = None,
    instruction: str | None = None,
    target: np.ndarray | None = None,
) -> Item:
    """An item that is in no split yet.

    Args:
        pixels: the fitted picture, uint8 (size, size, 3).
        garment: our word for it.
        item_id: of the garment's design; empty: this picture is an item of its own.
        words: the caption; empty: made from gender and garment.
        mask: the fitted mask, uint8 (size, size), 0 or 255.
        target: the fitted picture that the instruction leads to, like `pixels`.
    """
    return Item(
        image_id=image_id,
        domain=place.domain,
        split="",
        item_id=item_id or image_id,
        person_id=person_id,
        variant=variant,
        pose=pose,
        view=view,
        gender=gender,
        garment=garment,
        slot=SLOTS[garment],
        caption=words or caption(gender, [describe(garment)]),
        image=to_png(pixels),
        mask=None if mask is None else to_png(mask),
        box=box,
        scene=scene,
        fingerprint=fingerprint(pixels),
        instruction=instruction,
        target=None if target is None else to_png(target),
    )


def fit_garment(decode: Callable[[], np.ndarray], plan: Fit) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """The mask that `decode` gives, bool (H, W), fitted; without a usable one None, and why as a remark."""
    try:
        mask = fit_mask(decode(), plan)
        if not mask.any():
            raise RefusedError("empty mask")
    except RefusedError as refused:
        return None, (str(refused),)
    return mask, ()
