"""What the buttons of the page do, without the page: find a mask, edit, write the files to download."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from atelier.common.errors import UserError, one_line
from atelier.editing.photo_editor import EditedPhoto, PhotoEditor
from atelier.images.photo import save
from atelier.sampling.photos import NONE, name_garment
from atelier.studio.editors import Editors
from atelier.studio.jobs import Job
from atelier.studio.pictures import Strokes, correct_mask
from atelier.studio.session import Region, Session, Variant, with_region, with_variants

MOST_VARIANTS = 8
WARM_UP = "make the shirt red"
_WORDS = {  # of the command line → of the page
    "--mask none edits all of it": "paint it green, or choose the whole picture",
    "see --overlay": "look at the mask",
}


@dataclass(frozen=True)
class Wanted:
    """One press of the button: what to edit and how.

    Attributes:
        strokes: what was painted on the mask; None: nothing.
        whole: change the whole picture, without a mask.
        other: editor to compare with; None: none.
        seed: of the first variant; the others have the numbers after it.
    """

    instruction: str
    editor: str
    other: str | None
    seed: int
    variants: int
    steps: int
    guidance_text: float
    guidance_image: float
    whole: bool = False
    strokes: Strokes | None = None


def tell(text: str) -> str:
    """Return a message of the library in the words of the page, on one line."""
    for words, instead in _WORDS.items():
        text = text.replace(words, instead)
    return one_line(text)


def find_region(editor: PhotoEditor, session: Session, instruction: str, strokes: Strokes | None) -> Region:
    """Return the mask of the next edit: the last one if it is of the same garment, or else a new one; then the strokes.

    Raises:
        UserError: the instruction is empty, the garment is not found and nothing is painted, or no mask is left.
    """
    _check_instruction(instruction)
    garment, last = name_garment(instruction), session.region
    mask, notes = (last.mask, last.notes) if last and last.garment == garment else (None, ())
    if mask is None:
        try:
            found, notes = editor.find(_given(session), instruction)
            mask = np.asarray(found) >= 128
        except UserError as error:
            if strokes is None or not strokes.add.any():
                raise UserError(_without_folder(error, session)) from None
    if strokes is not None and not strokes.empty:
        mask = correct_mask(mask, strokes)
    return Region(garment, mask, tuple(map(tell, notes)))


def edit(job: Job, editors: Editors, session: Session, wanted: Wanted) -> Session:
    """Edit the picture of a session; return the session with the variants.

    The variants are sampled one by one, as `atelier edit --from` repeats them: in a batch they would round otherwise.

    Raises:
        UserError: something that is wanted cannot be used, or no mask is found.
        CancelledJobError: the job was cancelled.
    """
    _check(wanted)
    job.text = "Loading the editor"
    editor = editors.load(wanted.editor)
    other = editors.load(wanted.other) if wanted.other not in (None, wanted.editor) else None
    job.check()
    job.text = "Finding the garment"
    region = None if wanted.whole else find_region(editor, session, wanted.instruction, wanted.strokes)
    job.steps = wanted.steps * wanted.variants * (1 if other is None else 2)
    everywhere = region is None or region.mask.all()
    options = {
        "mask": NONE if everywhere else region.mask, "steps": wanted.steps, "on_step": job.step,
        "guidance_text": wanted.guidance_text, "guidance_image": wanted.guidance_image,
    }  # fmt: skip
    variants = []
    for number in range(wanted.variants):
        job.text = f"Editing, variant {number + 1} of {wanted.variants}" if wanted.variants > 1 else "Editing"
        seeded = options | {"seed": wanted.seed + number}
        made = [_edit_one(one, session, wanted.instruction, seeded) for one in (editor, other) if one]
        variants.append(Variant(*made))
    return with_variants(with_region(session, region), tuple(variants))


def _edit_one(editor: PhotoEditor, session: Session, instruction: str, options: dict[str, Any]) -> EditedPhoto:
    if session.kept is None:
        return editor.edit(session.photo, instruction, **options)
    return editor.again(session.kept, instruction, **options)


def warm_up(job: Job, editors: Editors) -> None:
    """Load the editors of the first edit and use them once, so that the first edit does not wait."""
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    for name in dict.fromkeys([editors.base or editors.names[0], editors.names[0]]):
        job.text = f"Loading {name}"
        editor = editors.load(name)
        editor.edit(grey, WARM_UP, mask=NONE, steps=1, on_step=job.check)
    try:
        editor.find(grey, WARM_UP)
    except UserError:  # there is no shirt on a grey picture; the segmenter is loaded
        return


def write_files(session: Session, folder: Path, *, with_photo: bool = False) -> list[str]:
    """Write the edit, its mask and its record into a new folder inside `folder`; return the files' names.

    Args:
        with_photo: the photograph too, which is needed to repeat the edit.
    """
    shown = session.shown
    if shown is None:
        return []
    stem, place = session.photo.stem, Path(tempfile.mkdtemp(dir=folder))
    files = [place / f"{stem}-edit.png", place / f"{stem}-mask.png", place / f"{stem}-edit.json"]
    save(np.asarray(shown.picture), files[0], shown.picture.info.get("icc_profile"))
    save(np.asarray(shown.mask or Image.new("L", shown.picture.size, 255)), files[1])
    shown.record.write(files[2])
    return [*(str(file) for file in files), *([str(session.photo)] if with_photo else [])]


def seeds_of(variants: Sequence[Variant]) -> list[int]:
    """Return the seed of each variant."""
    return [one.edited.record.turns[-1].seed for one in variants]


def _given(session: Session) -> Path | Image.Image:
    return session.photo if session.kept is None else session.kept.picture


def _without_folder(error: UserError, session: Session) -> str:
    return tell(str(error).replace(str(session.photo), session.photo.name))


def _check_instruction(instruction: str) -> None:
    if not instruction.strip():
        raise UserError('write an instruction, such as "make the shirt red"')


def _check(wanted: Wanted) -> None:
    _check_instruction(wanted.instruction)
    if not 1 <= wanted.variants <= MOST_VARIANTS:
        raise UserError(f"variants: {wanted.variants}; expected 1 to {MOST_VARIANTS}")
    if wanted.seed < 0:
        raise UserError(f"seed: {wanted.seed}; expected a whole number from 0 on")
