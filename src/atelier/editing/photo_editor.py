"""An editor for Python: `atelier.load()` and `PhotoEditor.edit()`.

Legend: H W pixels of the upright picture.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from atelier.common.command import PARAMS
from atelier.common.errors import UserError
from atelier.editing.record import EditRecord, check_picture, make_record, mask_bytes
from atelier.editing.settings import Settings, check_editor, identify, load_networks, read_settings
from atelier.images.photo import Photograph, open_photograph
from atelier.images.tensors import mask_pixels
from atelier.masks.predict import Search
from atelier.sampling import photos

Picture = str | PathLike[str] | Image.Image | np.ndarray
MaskLike = Literal["auto", "none"] | str | PathLike[str] | Image.Image | np.ndarray


@dataclass(frozen=True)
class EditedPhoto:
    """An edit.

    Attributes:
        picture: RGB of the upright picture's size, in its colour profile.
        mask: "L", 255 where the picture could change; None: everywhere.
        notes: what was found, and reasons why the edit may be poor.
        record: how to make it again, with the turns before this one.
    """

    picture: Image.Image
    mask: Image.Image | None
    notes: tuple[str, ...]
    record: EditRecord

    @property
    def facts(self) -> dict[str, Any]:
        """Everything that the edit depends on, and the notes, as JSON."""
        return {**self.record.model_dump(), "notes": list(self.notes)}


class PhotoEditor:
    """An editor and a segmenter, loaded."""

    def __init__(self, settings: Settings) -> None:
        """Load the editor; the segmenter is loaded when it is first needed.

        Raises:
            UserError: a file is missing or damaged; the message names the file and what is expected.
        """
        self.settings = settings
        self._editor, self._search = load_networks(settings)
        self._identity = identify(settings.weights)

    @property
    def size(self) -> int:
        """Side of the square that the editor sees, in px; a picture is letterboxed into it."""
        return self._editor.size

    def edit(
        self,
        picture: Picture,
        instruction: str,
        *,
        mask: MaskLike = "auto",
        seed: int | None = None,
        steps: int | None = None,
        guidance_text: float | None = None,
        guidance_image: float | None = None,
    ) -> EditedPhoto:
        """Edit a picture by an instruction. What is None is as the parameters say.

        Args:
            picture: file, PIL image, or uint8 array (H, W, 3).
            mask: `auto` finds the garment that the instruction names; `none` may change everything; or a file, image or
                array (H, W) that is not 0 where the picture may change.
            seed: of the noise; the same seed gives the same edit.
            steps: of sampling.
            guidance_text, guidance_image: the scales s_T and s_I of InstructPix2Pix.

        Raises:
            UserError: picture, mask or a value cannot be used, or no garment is found.
        """
        (edited,) = self.variants(
            picture, instruction, seeds=[self.settings.generate.seed if seed is None else seed], mask=mask,
            steps=steps, guidance_text=guidance_text, guidance_image=guidance_image,
        )  # fmt: skip
        return edited

    def variants(
        self,
        picture: Picture,
        instruction: str,
        *,
        seeds: Sequence[int],
        mask: MaskLike = "auto",
        steps: int | None = None,
        guidance_text: float | None = None,
        guidance_image: float | None = None,
        progress: bool = False,
    ) -> Iterator[EditedPhoto]:
        """Edit a picture with several seeds, in batches; yield the edits in their order.

        Args:
            progress: show the sampling steps on stderr.

        Raises:
            UserError: as `edit`.
        """
        given = {"steps": steps, "guidance_text": guidance_text, "guidance_image": guidance_image}
        chosen = self.settings.generate.model_copy(update={name: v for name, v in given.items() if v is not None})
        if not instruction.strip():
            raise UserError('the instruction is empty; expected a text such as "make the shirt red"')
        with _open(picture, self.size) as photograph, _as_file(mask) as name:
            edit = find_mask(self._search, photos.open_edit(photograph, instruction, seeds[0], name), name)
            edits = [replace(edit, seed=seed) for seed in seeds]
            identity = {"editor": self.settings.weights, "editor_sha256": self._identity}
            records = [make_record(one, chosen, **identity) for one in edits]
            made = photos.make_edits(self._editor, edits, chosen, progress=progress)
            for record, pixels in zip(records, made, strict=True):
                yield self._result(edit, pixels, record)

    def again(self, edited: EditedPhoto, instruction: str, **options: Any) -> EditedPhoto:
        """Edit what an edit made; the record has the turns of both. Options are those of `edit`."""
        made = self.edit(edited.picture, instruction, **options)
        turns = [*edited.record.turns, *made.record.turns]
        return replace(made, record=edited.record.model_copy(update={"turns": turns}))

    def repeat(self, picture: Picture, record: EditRecord) -> EditedPhoto:
        """Make the edit of a record again, all of its turns.

        Raises:
            UserError: the picture or the editor is another one.
        """
        for turn in record.turns:
            check_editor(turn.editor_sha256, self._identity, self.settings.weights)
        with _open(picture, self.size) as photograph:
            check_picture(record, photograph)
        edited: EditedPhoto | None = None
        for turn in record.turns:
            inline = mask_bytes(turn.mask)
            with _as_file(turn.mask if inline is None else inline) as mask:
                edited = self.edit(
                    picture if edited is None else edited.picture, turn.instruction, mask=mask, seed=turn.seed,
                    steps=turn.steps, guidance_text=turn.guidance_text, guidance_image=turn.guidance_image,
                )  # fmt: skip
        return replace(edited, record=record)

    def _result(self, edit: photos.PhotoEdit, pixels: np.ndarray, record: EditRecord) -> EditedPhoto:
        picture = Image.fromarray(pixels)
        if edit.photograph.profile is not None:
            picture.info["icc_profile"] = edit.photograph.profile
        cut = photos.describe_cut(self._editor, edit.instruction)
        notes = [*([cut] if cut else []), *photos.describe_edit(edit, self.settings.min_area)]
        mask = None if edit.mask is None else Image.fromarray(mask_pixels(edit.mask))
        return EditedPhoto(picture, mask, tuple(notes), record)


def find_mask(search: Search, edit: photos.PhotoEdit, mask: str) -> photos.PhotoEdit:
    """Return an edit with its mask: for `auto` that of the garment that the instruction names.

    Raises:
        UserError: the garment is not found.
    """
    if mask != photos.AUTO:
        return edit
    (found,) = photos.find_masks(search, [edit])
    if isinstance(found, UserError):
        raise found
    return found


def load(
    weights: str | PathLike[str] | None = None,
    *,
    params: str | PathLike[str] = PARAMS,
    device: Literal["auto", "cpu", "cuda"] | None = None,
) -> PhotoEditor:
    """Load an editor.

    Args:
        weights: folder of a fine-tuned or base editor, or a hub id; None: models/finetuned, or else `models.editor`.
        params: parameters file with the segmenter and the defaults of sampling; where params.yaml does not exist, they
            are those of `atelier config full-size`.
        device: None: as the parameters say.

    Raises:
        UserError: a file is missing or damaged.
    """
    settings = read_settings(Path(params), None if weights is None else str(weights))
    if device is not None:
        settings = replace(settings, models=settings.models.model_copy(update={"device": device}))
    return PhotoEditor(settings)


@contextmanager
def _open(picture: Picture, size: int) -> Iterator[Photograph]:
    """Open a picture that is a file or in memory; without a file its name is "picture"."""
    with _as_file(picture) as file:
        photograph = open_photograph(Path(file), size)
        yield photograph if isinstance(picture, str | PathLike) else replace(photograph, path=Path("picture"))


@contextmanager
def _as_file(picture: Picture | bytes) -> Iterator[str]:
    """Yield the name of a file with a picture or mask, written for as long as it is used unless it is one."""
    if isinstance(picture, str | PathLike):
        yield str(picture)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.png"
        if isinstance(picture, bytes):
            file.write_bytes(picture)
        else:
            image = picture if isinstance(picture, Image.Image) else _from_array(picture)
            image.save(file, icc_profile=image.info.get("icc_profile"), exif=image.getexif())
        yield str(file)


def _from_array(pixels: np.ndarray) -> Image.Image:
    """Return an array as a picture.

    Raises:
        UserError: it is none.
    """
    if not isinstance(pixels, np.ndarray):
        raise UserError(f"expected a file, a PIL image or an array, not {type(pixels).__name__}")
    if pixels.dtype == bool and pixels.ndim == 2:
        return Image.fromarray(mask_pixels(pixels))
    if pixels.dtype == np.uint8 and (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[-1] in (3, 4))):
        return Image.fromarray(pixels)
    raise UserError(f"expected uint8 (H, W, 3), or uint8 or bool (H, W) for a mask, not {pixels.dtype} {pixels.shape}")
