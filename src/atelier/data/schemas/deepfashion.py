"""Rows in the schema of deepFashion-with-masks (DeepFashion In-shop; its `pid` names a garment item, not a person)."""

import re
from collections.abc import Iterator
from functools import partial

from atelier.common.errors import RefusedError
from atelier.data.schemas.item import Details, fit_garment, make_item, scene_of
from atelier.data.schemas.rows import Parsed, RawRow, Request, Row, RowSpec, remark_lists, short_text, text_of
from atelier.data.schemas.tables import choose_columns, open_table
from atelier.images.decode import decode_mask, decode_picture
from atelier.images.letterbox import fit_picture, plan_fit
from atelier.text.garments import CLOTH_TYPES, UNKNOWN_GARMENT

COLUMNS = ("images", "gender", "pose", "cloth_type", "pid", "caption")
OPTIONAL = ("mask", "scene", "person_id")
TEXTS = ("gender", "pose", "cloth_type", "pid", "caption", "person_id")
_POSE = re.compile(r"(?P<variant>[^_]+)_(?P<shot>[^_]+)_(?P<view>.+)")  # 06_1_front
_GENDERS = {"women": "woman", "men": "man"}


def open_source(request: Request) -> Iterator[RawRow]:
    """Open a hub data set, or a local parquet file or folder of them."""
    return open_table(request, partial(choose_columns, schema="deepfashion", required=COLUMNS, optional=OPTIONAL))


def name_row(row: Row) -> str:
    """Return the data set's own name for a row's picture."""
    return f"{text_of(row, 'pid')}_{text_of(row, 'pose')}"


def read_row(row: Row, spec: RowSpec) -> Parsed:
    """Parse a row into an item with its garment's mask; a row without a usable mask is kept without one.

    Raises:
        RefusedError: the row has no garment id, or no picture that can be read.
    """
    pid, pose = text_of(row, "pid"), text_of(row, "pose")
    if not pid:
        raise RefusedError("no pid")
    picture = decode_picture(row.get("images"))
    plan = plan_fit(*picture.pixels.size, spec.size, spec.fit)
    mask, remarks = fit_garment(lambda: decode_mask(row.get("mask"), picture), plan)
    garment = CLOTH_TYPES.get(text_of(row, "cloth_type"), UNKNOWN_GARMENT)
    if garment == UNKNOWN_GARMENT:
        remarks += ("unknown cloth_type",)
    parts = _POSE.fullmatch(pose)
    if parts is None:
        remarks += ("unknown pose",)
    caption, cut = short_text(row, "caption")
    scene, unknown = scene_of(row)
    details = Details(
        garment=garment,
        item_id=pid,
        person_id=text_of(row, "person_id"),
        variant=parts["variant"] if parts else pose,
        pose=pose,
        view=parts["view"] if parts else "",
        gender=_GENDERS.get(text_of(row, "gender").lower(), "person"),
        caption=caption,
        mask=mask,
        scene=scene,
    )
    return Parsed(
        make_item(spec, fit_picture(picture.pixels, plan), details), remarks + cut + unknown + remark_lists(row, TEXTS)
    )
