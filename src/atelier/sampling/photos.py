"""Photographs and instructions in, edited photographs out: what `atelier edit` does, one picture or many.

Legend: H W pixels of the upright photograph, S side of the editor's square.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from atelier.common.errors import UserError
from atelier.config import Generate
from atelier.images.photo import (
    Photograph,
    composite,
    from_square,
    mask_from_square,
    open_mask,
    open_photograph,
    save,
    to_square,
)
from atelier.images.tensors import to_pixels, to_tensor
from atelier.masks.predict import Finder
from atelier.models.instruct_pix2pix import Editor
from atelier.sampling import edit
from atelier.sampling.batch_csv import EditJob
from atelier.text.captions import find_mention
from atelier.text.garments import SLOTS, UNKNOWN_GARMENT

AUTO, NONE = "auto", "none"  # beside a file: where a mask comes from


@dataclass(frozen=True)
class Task:
    """One edit that is ready to be made."""

    photograph: Photograph
    instruction: str
    seed: int  # of the starting noise; diffusers' own pipeline takes the same from a CPU generator of this seed
    mask: np.ndarray | None  # bool (H, W): where the photograph may change; None: everywhere


@dataclass(frozen=True)
class Outcome:
    """What came of a job: its file is written, or why it is not."""

    job: EditJob
    refused: str | None


def name_garment(instruction: str) -> str:
    """Our word for the garment that an instruction names first; "clothes", all that is worn, where it names none."""
    mentions = {garment: find_mention(instruction, garment) for garment in SLOTS}
    ends = {garment: found.end for garment, found in mentions.items() if found}
    by_its_own_name = {garment: mentions[garment].name.lower().endswith(garment) for garment in ends}
    # A word can be one garment's name and another's synonym ("coat"); and "t-shirt" ends as "shirt" does.
    return min(ends, key=lambda name: (ends[name], not by_its_own_name[name], -len(name)), default=UNKNOWN_GARMENT)


def choose_mask(mask: str, photograph: Photograph, instruction: str, find: Finder) -> np.ndarray | None:
    """The mask of one photograph, bool (H, W), or None for all of it.

    Args:
        mask: auto (the garment that the instruction names), none, or a file.

    Raises:
        UserError: nothing is found, or the file is no mask for this photograph.
    """
    if mask == NONE:
        return None
    if mask != AUTO:
        return open_mask(Path(mask), photograph)
    (found,) = find_masks(find, [(photograph, instruction)])
    if isinstance(found, UserError):
        raise found
    return found


def find_masks(find: Finder, wanted: Sequence[tuple[Photograph, str]]) -> list[np.ndarray | UserError]:
    """The mask of what each instruction is about, or what to tell the user where nothing of it is found.

    It is looked for in the square: so the segmenter sees pictures in the study, and a large one costs no more.
    """
    if not wanted:
        return []
    garments = [name_garment(instruction) for _, instruction in wanted]
    squares = find([to_square(photograph) for photograph, _ in wanted], garments)
    masks = [mask_from_square(mask, one) for mask, (one, _) in zip(squares, wanted, strict=True)]
    return [
        mask if mask.any() else UserError(f"{one.path}: no {garment} found in it; --mask none edits all of it")
        for mask, (one, _), garment in zip(masks, wanted, garments, strict=True)
    ]


def make_edits(
    editor: Editor, tasks: Sequence[Task], settings: Generate, *, progress: bool = False
) -> Iterator[np.ndarray]:
    """Edit in batches of `settings.batch_size`; uint8 (H, W, 3) of each task's photograph, in order.

    Args:
        progress: show the sampling steps of each batch.
    """
    for start in range(0, len(tasks), settings.batch_size):
        batch = tasks[start : start + settings.batch_size]
        edited = edit.edit(
            editor,
            to_tensor([to_square(task.photograph) for task in batch]),
            [task.instruction for task in batch],
            [task.seed for task in batch],
            steps=settings.steps,
            guidance_text=settings.guidance_text,
            guidance_image=settings.guidance_image,
            progress=progress,
        )
        for task, square in zip(batch, to_pixels(edited), strict=True):
            whole = from_square(square, task.photograph)
            yield whole if task.mask is None else composite(task.photograph, whole, task.mask)


def do_jobs(editor: Editor, jobs: Sequence[EditJob], settings: Generate, find: Finder) -> Iterator[Outcome]:
    """Do a list of jobs in batches, in order: each writes its file or is refused, and the others go on."""
    for start in range(0, len(jobs), settings.batch_size):
        batch = jobs[start : start + settings.batch_size]
        prepared = _prepare(batch, editor.size, find)
        tasks = [task for task in prepared if isinstance(task, Task)]
        edits = make_edits(editor, tasks, settings)
        for job, task in zip(batch, prepared, strict=True):
            if isinstance(task, UserError):
                yield Outcome(job, str(task))
            else:
                save(next(edits), job.output, task.photograph.profile)
                yield Outcome(job, None)


def _prepare(jobs: Sequence[EditJob], size: int, find: Finder) -> list[Task | UserError]:
    """Open each job's photograph and mask; masks to be found are looked for together."""
    prepared = [_open(job, size) for job in jobs]
    missing = [n for n, (job, task) in enumerate(zip(jobs, prepared, strict=True))
               if job.mask == AUTO and isinstance(task, Task)]  # fmt: skip
    found = find_masks(find, [(prepared[n].photograph, jobs[n].instruction) for n in missing])
    for n, mask in zip(missing, found, strict=True):
        job, task = jobs[n], prepared[n]
        prepared[n] = mask if isinstance(mask, UserError) else Task(task.photograph, job.instruction, job.seed, mask)
    return prepared


def _open(job: EditJob, size: int) -> Task | UserError:
    try:
        photograph = open_photograph(job.image, size)
        mask = None if job.mask in (AUTO, NONE) else open_mask(Path(job.mask), photograph)
    except UserError as error:
        return error
    return Task(photograph, job.instruction, job.seed, mask)
