"""Rows in the schema of deepFashion-with-masks (DeepFashion In-shop; `pid` there is a garment item, not a person)."""

import re

from atelier.garments import CLOTH_TYPES, SLOTS, UNKNOWN_GARMENT
from atelier.images import to_png
from atelier.instructions import caption, describe
from atelier.records import Item
from atelier.sources.decode import RefusedError, decode_mask, decode_picture
from atelier.sources.fitting import fit_mask, fit_picture, plan_fit
from atelier.sources.reading import Place, Reading, Row, text_of

COLUMNS = ("images", "gender", "pose", "cloth_type", "pid", "caption")  # `mask` may be missing
_POSE = re.compile(r"(?P<variant>[^_]+)_(?P<shot>[^_]+)_(?P<view>.+)")  # 06_1_front
_GENDERS = {"women": "woman", "men": "man"}


def read_row(row: Row, place: Place) -> Reading:
    """One row → an item with its garment's mask, or a refusal. A row without a usable mask is kept without one."""
    pid, pose = text_of(row, "pid"), text_of(row, "pose")
    image_id = place.image_id(f"{pid}_{pose}")
    if not pid:
        return Reading(image_id, None, "no pid")
    try:
        picture = decode_picture(row.get("images"))
    except RefusedError as refused:
        return Reading(image_id, None, str(refused))
    remarks = []
    plan = plan_fit(*picture.pixels.size, place.size, place.fit)
    mask = None
    try:
        mask = fit_mask(decode_mask(row.get("mask"), picture), plan)
        if not mask.any():
            raise RefusedError("empty mask")
    except RefusedError as refused:
        mask = None
        remarks.append(str(refused))
    garment = CLOTH_TYPES.get(text_of(row, "cloth_type"), UNKNOWN_GARMENT)
    if garment == UNKNOWN_GARMENT:
        remarks.append("unknown cloth_type")
    parts = _POSE.fullmatch(pose)
    if parts is None:
        remarks.append("unknown pose")
    gender = _GENDERS.get(text_of(row, "gender").lower(), "person")
    item = Item(
        image_id=image_id,
        domain=place.domain,
        split="",
        item_id=pid,
        person_id=text_of(row, "person_id"),
        variant=parts["variant"] if parts else pose,
        pose=pose,
        view=parts["view"] if parts else "",
        gender=gender,
        garment=garment,
        slot=SLOTS[garment],
        caption=text_of(row, "caption") or caption(gender, [describe(garment)]),
        image=to_png(fit_picture(picture.pixels, plan)),
        mask=None if mask is None else to_png(mask),
        box=None,
        scene=row.get("scene"),
    )
    return Reading(image_id, item, remarks=tuple(remarks))
