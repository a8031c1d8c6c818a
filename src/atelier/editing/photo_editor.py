"""An editor for Python: `atelier.load()` and `PhotoEditor.edit()`.

Legend: H W pixels of the upright picture.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from atelier.common.command import PARAMS
from atelier.common.errors import UserError
from atelier.config import Generate, KeepMode
from atelier.editing.inputs import MaskLike, Picture, as_file, open_given
from atelier.editing.record import EditRecord, Turn, check_picture, make_record, mask_bytes
from atelier.editing.settings import Settings, check_editor, identify, load_networks, read_settings
from atelier.images.tensors import mask_pixels
from atelier.models.networks import watched
from atelier.sampling import photos


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
        keep: KeepMode | None = None,
        on_step: Callable[[], None] | None = None,
    ) -> EditedPhoto:
        """Edit a picture by an instruction. What is None is as the parameters say.

        Args:
            picture: file, PIL image, or uint8 array (H, W, 3).
            mask: `auto` finds the garment that the instruction names; `none` may change everything; or a file, image or
                array (H, W) that is not 0 where the picture may change.
            seed: of the noise; the same seed gives the same edit.
            steps: of sampling.
            guidance_text, guidance_image: the scales s_T and s_I of InstructPix2Pix.
            keep: what is kept while sampling: `consistent` what agrees with the picture, `latent` what is outside the
                mask, `none` or `composite` nothing. A mask counts in the end whatever it is.
            on_step: called before each sampling step; what it raises ends the edit.

        Raises:
            UserError: picture, mask or a value cannot be used, or no garment is found.
        """
        (edited,) = self.variants(
            picture, instruction, seeds=[self.settings.generate.seed if seed is None else seed], mask=mask,
            steps=steps, guidance_text=guidance_text, guidance_image=guidance_image, keep=keep, on_step=on_step,
        )  # fmt: skip
        return edited

    def find(self, picture: Picture, instruction: str) -> tuple[Image.Image, tuple[str, ...]]:
        """Find the garment that an instruction names, as `edit` does with the mask `auto`.

        Returns:
            The mask, "L" of the picture's size, 255 where it may change; and the notes of such an edit.

        Raises:
            UserError: the picture cannot be used, or the garment is not found.
        """
        with open_given(picture, self.size) as photograph:
            wanted = photos.open_edit(photograph, instruction, self.settings.generate.seed, photos.AUTO)
            edit = photos.find_mask(self._search, wanted, photos.AUTO)
            return Image.fromarray(mask_pixels(edit.mask)), self._notes(edit)

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
        keep: KeepMode | None = None,
        progress: bool = False,
        on_step: Callable[[], None] | None = None,
    ) -> Iterator[EditedPhoto]:
        """Edit a picture with several seeds, in batches; yield the edits in their order.

        Args:
            progress: show the sampling steps on stderr.
            on_step: called before each sampling step of each batch; what it raises ends the edits.

        Raises:
            UserError: as `edit`.
        """
        given = {"steps": steps, "guidance_text": guidance_text, "guidance_image": guidance_image, "keep": keep}
        chosen = self.settings.generate.model_copy(update={name: v for name, v in given.items() if v is not None})
        return self._variants(picture, instruction, seeds, mask, chosen, progress, on_step)

    def _variants(
        self,
        picture: Picture,
        instruction: str,
        seeds: Sequence[int],
        mask: MaskLike,
        chosen: Generate,
        progress: bool = False,
        on_step: Callable[[], None] | None = None,
    ) -> Iterator[EditedPhoto]:
        if not instruction.strip():
            raise UserError('the instruction is empty; expected a text such as "make the shirt red"')
        with open_given(picture, self.size) as photograph, as_file(mask) as name:
            photos.check_keep(chosen, name)
            edit = photos.find_mask(self._search, photos.open_edit(photograph, instruction, seeds[0], name), name)
            edits = [replace(edit, seed=seed) for seed in seeds]
            identity = {"editor": self.settings.weights, "editor_sha256": self._identity}
            records = [make_record(one, chosen, **identity) for one in edits]
            made = photos.make_edits(self._editor, edits, chosen, progress=progress)
            with watched(self._editor.unet, on_step):
                for record, pixels in zip(records, made, strict=True):
                    yield self._result(edit, pixels, record)

    def again(self, edited: EditedPhoto, instruction: str, **options: Any) -> EditedPhoto:
        """Edit what an edit made; the record has the turns of both. Options are those of `edit`."""
        made = self.edit(edited.picture, instruction, **options)
        turns = [*edited.record.turns, *made.record.turns]
        return replace(made, record=edited.record.model_copy(update={"turns": turns}))

    def repeat(self, picture: Picture, record: EditRecord) -> EditedPhoto:
        """Make the edit of a record again, all of its turns, with this editor.

        Raises:
            UserError: the picture or the editor is another one.
        """
        return repeat(picture, record, lambda turn: self)

    def make(self, picture: Picture, turn: Turn, mask: MaskLike) -> EditedPhoto:
        """Make the edit of a turn, with its mask.

        Raises:
            UserError: as `edit`.
        """
        chosen = self.settings.generate.model_copy(update=turn.sampling)
        (edited,) = self._variants(picture, turn.instruction, [turn.seed], mask, chosen)
        return edited

    def check(self, turn: Turn) -> None:
        """Check that this editor made a turn.

        Raises:
            UserError: it was another one.
        """
        check_editor(turn.editor_sha256, self._identity, self.settings.weights)

    def _result(self, edit: photos.PhotoEdit, pixels: np.ndarray, record: EditRecord) -> EditedPhoto:
        picture = Image.fromarray(pixels)
        if edit.photograph.profile is not None:
            picture.info["icc_profile"] = edit.photograph.profile
        mask = None if edit.mask is None else Image.fromarray(mask_pixels(edit.mask))
        return EditedPhoto(picture, mask, self._notes(edit), record)

    def _notes(self, edit: photos.PhotoEdit) -> tuple[str, ...]:
        cut = photos.describe_cut(self._editor, edit.instruction)
        return (*([cut] if cut else []), *photos.describe_edit(edit, self.settings.min_area))


def repeat(picture: Picture, record: EditRecord, editor_of: Callable[[Turn], PhotoEditor]) -> EditedPhoto:
    """Make the edit of a record again, each turn with the editor that `editor_of` returns for it.

    Raises:
        UserError: the picture or an editor is another one.
    """
    editors = [editor_of(turn) for turn in record.turns]
    for turn, editor in zip(record.turns, editors, strict=True):
        editor.check(turn)
    with open_given(picture, editors[0].size) as photograph:
        check_picture(record, photograph)
    edited: EditedPhoto | None = None
    for turn, editor in zip(record.turns, editors, strict=True):
        inline = mask_bytes(turn.mask)
        with as_file(turn.mask if inline is None else inline) as mask:
            edited = editor.make(picture if edited is None else edited.picture, turn, mask)
    return replace(edited, record=record)


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
