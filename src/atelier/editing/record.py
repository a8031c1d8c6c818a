"""The record of an edit: a JSON file from which the same edit is made again."""

import base64
import hashlib
import io
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from PIL import Image
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from atelier import __version__
from atelier.common.errors import UserError
from atelier.common.files import read_plain_text, write_text
from atelier.config import Generate, KeepMode
from atelier.images.photo import Photograph
from atelier.images.tensors import mask_pixels
from atelier.sampling.keep import Keep
from atelier.sampling.photos import NONE, PhotoEdit

_INLINE = "data:image/png;base64,"
_SCALES = "guidance_text", "guidance_image", "keep_threshold", "keep_blur"
_SAMPLING = ("steps", *_SCALES, "keep", "keep_dilate")
_LARGEST = 64 << 20  # bytes of a record
MOST_TURNS = 64
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Scale = Annotated[float, Field(ge=0, le=100)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Turn(_Strict):
    """One edit: of the picture, or of what the turn before it made."""

    instruction: str = Field(min_length=1, max_length=10_000)
    mask: str  # none, or a PNG written inline: white may change
    seed: int = Field(0, ge=0, lt=2**63)
    steps: int = Field(ge=1, le=1000)
    guidance_text: Scale
    guidance_image: Scale
    keep: KeepMode = "none"
    keep_threshold: float = Field(0.3, ge=0)
    keep_blur: float = Field(0.0, ge=0, le=64)
    keep_dilate: int = Field(0, ge=0, le=64)
    editor: str = Field(min_length=1, max_length=1000)  # folder or hub id
    editor_sha256: Digest | None = None

    @property
    def sampling(self) -> dict[str, Any]:
        """The values of the section `generate`, without the seed."""
        return {name: getattr(self, name) for name in _SAMPLING}

    @model_serializer(mode="wrap")
    def _without_unused(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is kept where nothing is: versions without `keep` read such records."""
        values = write(self)
        return {name: one for name, one in values.items() if self.keep != "none" or not name.startswith("keep")}


class EditRecord(_Strict):
    """What was edited, and how."""

    format: Literal["atelier edit 1"] = "atelier edit 1"
    version: str = __version__  # of atelier
    picture: str = ""  # name of the file, without its folder
    picture_sha256: Digest  # of the upright picture's pixels
    turns: Annotated[list[Turn], Field(min_length=1, max_length=MOST_TURNS)]

    def write(self, path: str | Path) -> None:
        """Write the record as JSON."""
        write_text(Path(path), json.dumps(self.model_dump(), indent=2) + "\n")


def read_record(path: str | Path) -> EditRecord:
    """Read a record.

    Raises:
        UserError: the file is missing, too large, or not a record.
    """
    text = read_plain_text(Path(path), _LARGEST)
    try:
        return EditRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        told = f"{where}: {first['msg']}; expected a record that atelier edit --record wrote"
        raise UserError(f"{path}: {told}") from None


def make_record(edit: PhotoEdit, generate: Generate, *, editor: str, editor_sha256: str | None) -> EditRecord:
    """Return the record of an edit; its mask is written inline, also one that was found: no segmenter is needed then.

    Raises:
        UserError: a value is not valid.
    """
    everywhere = edit.mask is None or edit.mask.all()
    if everywhere and Keep.of(generate).needs_mask:  # keeps nothing then
        generate = generate.model_copy(update={"keep": "none"})
    scales = {name: float(getattr(generate, name)) for name in _SCALES}
    try:
        turn = Turn(
            instruction=edit.instruction,
            mask=NONE if everywhere else inline_mask(edit.mask),
            seed=edit.seed,
            **{name: getattr(generate, name) for name in _SAMPLING} | scales,
            editor=editor,
            editor_sha256=editor_sha256,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    picture = edit.photograph
    return EditRecord(picture=picture.path.name, picture_sha256=digest_pixels(picture), turns=[turn])


def digest_pixels(photograph: Photograph) -> str:
    """Return the SHA-256 of an upright picture's size and pixels, in its own colour profile."""
    width, height = photograph.size
    total = hashlib.sha256(f"{width} {height} ".encode())
    total.update(photograph.profile or b"")
    total.update(np.ascontiguousarray(photograph.own_pixels))
    return total.hexdigest()


def check_picture(record: EditRecord, photograph: Photograph) -> None:
    """Check that a picture is the one that was edited.

    Raises:
        UserError: it is another one.
    """
    if digest_pixels(photograph) != record.picture_sha256:
        name = record.picture or "another picture"
        raise UserError(f"{photograph.path}: not the picture of this record, which is of {name} with other pixels")


def inline_mask(mask: np.ndarray) -> str:
    """Write a mask, bool (H, W), as a PNG inside of a text."""
    file = io.BytesIO()
    Image.fromarray(mask_pixels(mask)).convert("1").save(file, "PNG", optimize=True)
    return _INLINE + base64.b64encode(file.getvalue()).decode()


def mask_bytes(text: str) -> bytes | None:
    """Return the PNG of a mask that is written inline; None for `none`.

    Raises:
        UserError: the text is neither.
    """
    if text == NONE:
        return None
    try:
        if text.startswith(_INLINE):
            return base64.b64decode(text.removeprefix(_INLINE), validate=True)
    except ValueError:
        pass
    raise UserError(f"mask: expected none or {_INLINE}…, not {text[:40]!r}")
