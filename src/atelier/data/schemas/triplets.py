"""Data sets of triplets: a source, an instruction, a target and, in some, a mask of the region to edit.

The published data sets of KNOWN are recognised by their columns. For any other data set `prepare.columns` says which
column holds what: "source=a,instruction=b,target=c" and, where such columns exist, "mask=d", "item=e" (rows of one item
get one split) and "caption=f" (of the source). The table is a hub data set or local parquet. Of a list of instructions
the first is read. A picture may be a file that the table names, relative to the table's own folder, as in ImgEdit.

A mask marks the region to edit: its transparent part, as in MagicBrush (DALL·E's convention), or, in a mask without
transparency, its white part.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from atelier.common.errors import RefusedError, UserError
from atelier.data.schemas.item import Details, fit_garment, gender_of, make_item
from atelier.data.schemas.rows import (
    NO_CLOTHES,
    Parsed,
    RawRow,
    Request,
    Row,
    RowSpec,
    remark_lists,
    short_text,
    text_of,
)
from atelier.data.schemas.tables import open_table
from atelier.images.decode import (
    Picture,
    decode_picture,
    grey_levels,
    lay_mask,
    opacity,
    open_mask,
    read_inside,
    same_shape,
)
from atelier.images.letterbox import Fit, fit_picture, plan_fit
from atelier.text.garments import UNKNOWN_GARMENT, garment_in, garment_of

REQUIRED, OPTIONAL = ("source", "instruction", "target"), ("mask", "item", "caption")
KNOWN: dict[str, dict[str, str]] = {  # as their authors' cards on the hub, and ImgEdit's README, state them
    "MagicBrush": {"source": "source_img", "instruction": "instruction", "target": "target_img",
                   "mask": "mask_img", "item": "img_id"},
    "InstructPix2Pix": {"source": "original_image", "instruction": "edit_prompt", "target": "edited_image",
                        "caption": "original_prompt"},
    "InstructPix2Pix samples": {"source": "input_image", "instruction": "edit_prompt", "target": "edited_image"},
    "OmniEdit": {"source": "src_img", "instruction": "edited_prompt_list", "target": "edited_img",
                 "item": "omni_edit_id"},
    "ImgEdit": {"source": "input_images", "instruction": "prompt", "target": "output_images"},
}  # fmt: skip
MIDTONES = 0.1  # a mask with a larger share of grey pixels (neither black nor white) is taken for a picture


def open_source(request: Request) -> Iterator[RawRow]:
    """Open the table, its columns renamed to the roles of REQUIRED and OPTIONAL.

    Raises:
        UserError: `columns` is malformed or names a missing column, or is empty and the source is not a known one.
    """
    return open_table(request, partial(choose_roles, named=parse_columns(request.columns)))


def parse_columns(text: str) -> dict[str, str]:
    """Parse "source=a,instruction=b,target=c[,mask=d][,item=e][,caption=f]" into role → column; {} for "".

    Raises:
        UserError: the text does not have that form.
    """
    if not text.strip():
        return {}
    pairs = [[part.strip() for part in pair.split("=", 1)] for pair in text.split(",")]
    named = dict(pair for pair in pairs if len(pair) == 2 and all(pair))
    if len(named) != len(pairs) or not set(REQUIRED) <= named.keys() <= {*REQUIRED, *OPTIONAL}:
        form = ",".join(f"{role}=…" for role in REQUIRED) + "".join(f"[,{role}=…]" for role in OPTIONAL)
        raise UserError(f"prepare.columns: {text!r} does not have the form {form}")
    return named


def choose_roles(have: Sequence[str], *, named: Mapping[str, str]) -> Mapping[str, str]:
    """Return role → column: as named, or as in the known data set with these columns.

    Raises:
        UserError: a named column is missing, or no known data set has these columns.
    """
    if named:
        missing = [column for column in named.values() if column not in have]
        if missing:
            raise UserError(f"no column {missing[0]!r}, which prepare.columns names; this source has {', '.join(have)}")
        return named
    for known in KNOWN.values():
        if all(known[role] in have for role in REQUIRED):
            return {role: column for role, column in known.items() if column in have}
    raise UserError(f"the columns of no known triplets ({', '.join(KNOWN)}): {', '.join(have)}; set prepare.columns")


def name_row(row: Row) -> str:
    """Return the data set's own name for a row's picture."""
    return text_of(row, "item")


def read_row(row: Row, spec: RowSpec) -> Parsed:
    """Parse a row into an item with its instruction, target and, if the mask is usable, the region to edit.

    Raises:
        RefusedError: as `read_pair`.
    """
    return read_pair(row, spec, lambda picture: decode_region(row.get("mask"), picture))


def read_pair(row: Row, spec: RowSpec, decode: Callable[[Picture], np.ndarray]) -> Parsed:
    """Parse a pair into an item.

    Args:
        row: its keys are the roles REQUIRED and, where they are known, item, caption, garment, person_id and gender.
        decode: the mask over the upright source, bool (H, W).

    Raises:
        RefusedError: the instruction is missing or, with `only_clothes`, names none; source or target cannot be read;
            their aspect ratios differ.
    """
    instruction, cut = short_text(row, "instruction")
    if not instruction:
        raise RefusedError("no instruction")
    named = garment_in(instruction) or garment_of(text_of(row, "garment"))
    if spec.only_clothes and named is None:
        raise RefusedError(NO_CLOTHES)
    picture = decode_picture(row.get("source"))
    plan = plan_fit(*picture.pixels.size, spec.size, spec.fit)
    target = _fit_target(row.get("target"), picture, plan)
    mask, remarks = fit_garment(lambda: decode(picture), plan)
    caption, caption_cut = short_text(row, "caption")
    details = Details(
        garment=named or UNKNOWN_GARMENT,
        item_id=text_of(row, "item"),
        person_id=text_of(row, "person_id"),
        gender=gender_of(row),
        caption=caption,
        mask=mask,
        instruction=instruction,
        target=target,
    )
    remarks += cut + caption_cut + remark_lists(row, ("instruction", "item", "caption"))
    return Parsed(make_item(spec, fit_picture(picture.pixels, plan), details), remarks)


def decode_region(value: Any, picture: Picture) -> np.ndarray:
    """Decode the region to edit, bool (H, W) over the upright picture.

    Raises:
        RefusedError: there is no mask, or it does not mark a part of the picture.
    """
    mask, orientation = open_mask(value)
    alpha = opacity(mask)
    if alpha is not None and (alpha < 255).any():
        return lay_mask(alpha < 255, picture, orientation)
    grey = grey_levels(mask)
    if ((grey > 16) & (grey < 239)).mean() > MIDTONES:
        raise RefusedError("mask is a picture")
    return lay_mask(read_inside(mask), picture, orientation)


def _fit_target(value: Any, picture: Picture, plan: Fit) -> np.ndarray:
    """Fit the target by the source's plan; a target of another size is first resized to the source's size."""
    try:
        target = decode_picture(value).pixels
    except RefusedError as refused:
        raise RefusedError(f"target: {refused}") from None
    if not same_shape(target.size, picture.pixels.size):
        raise RefusedError("target of another shape")
    if target.size != picture.pixels.size:
        target = target.resize(picture.pixels.size, Image.Resampling.LANCZOS)
    return fit_picture(target, plan)
