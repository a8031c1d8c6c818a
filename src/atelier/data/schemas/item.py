"""Build items from decoded pictures. What a source does not know is left empty, never guessed."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from atelier.common.errors import RefusedError
from atelier.common.records import Item
from atelier.data.schemas.rows import Row, RowSpec, text_of
from atelier.images.boxes import Box
from atelier.images.letterbox import Fit, fit_mask
from atelier.images.phash import fingerprint
from atelier.images.tensors import to_png
from atelier.scenes import read_scene
from atelier.text.garments import SLOTS
from atelier.text.instructions import caption, describe


@dataclass(frozen=True, kw_only=True)
class Details:
    """What a source knows of a picture. Only the garment is required."""

    garment: str  # a key of garments.SLOTS
    item_id: str = ""  # the garment's design; "": the picture is an item of its own
    person_id: str = ""
    variant: str = ""
    pose: str = ""
    view: str = ""
    gender: str = "person"
    caption: str = ""  # "": made from gender and garment
    mask: np.ndarray | None = None  # fitted, uint8 (size, size), 0 or 255
    box: Box | None = None  # fitted, px of the square picture
    scene: str | None = None
    instruction: str | None = None
    target: np.ndarray | None = None  # fitted picture that the instruction leads to, uint8 (size, size, 3)


def make_item(spec: RowSpec, pixels: np.ndarray, details: Details) -> Item:
    """Build an item without a split from its fitted picture, uint8 (size, size, 3), and what is known of it."""
    return Item(
        image_id=spec.image_id,
        domain=spec.domain,
        split="",
        item_id=details.item_id or spec.image_id,
        person_id=details.person_id,
        variant=details.variant,
        pose=details.pose,
        view=details.view,
        gender=details.gender,
        garment=details.garment,
        slot=SLOTS[details.garment],
        caption=details.caption or caption(details.gender, [describe(details.garment)]),
        image=to_png(pixels),
        mask=None if details.mask is None else to_png(details.mask),
        box=details.box,
        scene=details.scene,
        fingerprint=fingerprint(pixels),
        instruction=details.instruction,
        target=None if details.target is None else to_png(details.target),
    )


def gender_of(row: Row) -> str:
    """Return a row's gender, woman or man; person for all else."""
    gender = text_of(row, "gender").lower()
    return gender if gender in ("woman", "man") else "person"


def scene_of(row: Row) -> tuple[str | None, tuple[str, ...]]:
    """Return the scene program (JSON) of a rendered row, else None; and a remark if there is something else."""
    text = text_of(row, "scene")
    if not text:
        return None, ()
    try:
        read_scene(text)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None, ("unknown scene",)
    return text, ()


def fit_garment(decode: Callable[[], np.ndarray], plan: Fit) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Fit the mask that `decode` returns, bool (H, W). An unusable mask becomes None and a remark with the reason."""
    try:
        mask = fit_mask(decode(), plan)
        if not mask.any():
            raise RefusedError("empty mask")
    except RefusedError as refused:
        return None, (str(refused),)
    return mask, ()
