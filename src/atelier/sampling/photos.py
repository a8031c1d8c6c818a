"""Edit photos of any size by instructions: the work of `atelier edit`, for one photo or a batch.

Legend: H W pixels of the upright photo, S side of the editor's square.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from atelier.common.errors import UserError
from atelier.common.iterables import batched
from atelier.config import Generate
from atelier.images.photo import (
    Photograph,
    composite,
    from_square,
    mask_from_square,
    open_mask,
    open_photograph,
    save,
)
from atelier.images.tensors import MAX_PIXELS, to_pixels, to_tensor
from atelier.masks.predict import Finder
from atelier.models.instruct_pix2pix import Editor
from atelier.models.tokens import describe_unread
from atelier.sampling import edit as editing
from atelier.sampling.batch_csv import EditRequest
from atelier.text.garments import UNKNOWN_GARMENT
from atelier.text.requests import read_request

AUTO, NONE = "auto", "none"  # values of --mask other than a file


@dataclass(frozen=True)
class PhotoEdit:
    """One edit with its inputs loaded."""

    photograph: Photograph
    instruction: str
    seed: int  # of the starting noise, drawn like that of diffusers' pipeline with a CPU generator of this seed
    mask: np.ndarray | None  # bool (H, W): the region that may change; None: everywhere


@dataclass(frozen=True)
class EditResult:
    """The result of a request: its file was written, or the reason why not."""

    request: EditRequest
    refused: str | None


def name_garment(instruction: str) -> str:
    """Return the garment category that the instruction names first, or "clothes" if it names none."""
    return read_request(instruction).garment or UNKNOWN_GARMENT


def choose_mask(mask: str, photograph: Photograph, instruction: str, find: Finder) -> np.ndarray | None:
    """Return the mask of one photo, bool (H, W), or None for all of it.

    Args:
        mask: auto (the garment that the instruction names), none, or a file.

    Raises:
        UserError: the garment is not found, or the file is not a mask for this photo.
    """
    if mask == NONE:
        return None
    if mask != AUTO:
        return open_mask(Path(mask), photograph)
    (found,) = find_masks(find, [(photograph, instruction)])
    if isinstance(found, UserError):
        raise found
    return found


def find_masks(find: Finder, requests: Sequence[tuple[Photograph, str]]) -> list[np.ndarray | UserError]:
    """Return the mask of the garment that each instruction names, or an error where it is not found.

    The segmenter sees the photo letterboxed to S × S, as in the study; a large photo therefore costs no more.
    """
    if not requests:
        return []
    garments = [name_garment(instruction) for _, instruction in requests]
    squares = find([photograph.square for photograph, _ in requests], garments)
    masks = [mask_from_square(mask, one) for mask, (one, _) in zip(squares, requests, strict=True)]
    return [
        mask if mask.any() else UserError(f"{one.path}: no {garment} found in it; --mask none edits all of it")
        for mask, (one, _), garment in zip(masks, requests, garments, strict=True)
    ]


def describe_cut(editor: Editor, instruction: str) -> str:
    """Say which words of an instruction the editor does not read; empty if it reads all."""
    unread = editor.limit.unread(instruction)
    return f"the instruction is longer than the editor reads; {describe_unread(unread)}" if unread else ""


def make_edits(
    editor: Editor, edits: Sequence[PhotoEdit], settings: Generate, *, progress: bool = False
) -> Iterator[np.ndarray]:
    """Edit in batches of `settings.batch_size`; yield uint8 (H, W, 3) in the photo's profile for each edit, in order.

    Args:
        progress: show the sampling steps of each batch.
    """
    for batch in batched(edits, settings.batch_size):
        edited = editing.edit(
            editor,
            to_tensor([one.photograph.square for one in batch]),
            [one.instruction for one in batch],
            [one.seed for one in batch],
            steps=settings.steps,
            guidance_text=settings.guidance_text,
            guidance_image=settings.guidance_image,
            progress=progress,
        )
        for one, square in zip(batch, to_pixels(edited), strict=True):
            yield composite(one.photograph, from_square(square, one.photograph), one.mask)


def edit_batch(
    editor: Editor, requests: Sequence[EditRequest], settings: Generate, find: Finder
) -> Iterator[EditResult]:
    """Edit photos in batches and write their files; yield a result for each request, in order.

    A request that cannot be edited is refused and the others continue.
    """
    for batch, loaded in _load_batches(requests, settings.batch_size, editor.size, find):
        pixels = make_edits(editor, [edit for edit in loaded if isinstance(edit, PhotoEdit)], settings)
        for request, edit in zip(batch, loaded, strict=True):
            if isinstance(edit, PhotoEdit):
                save(next(pixels), request.output, edit.photograph.profile)
            yield EditResult(request, None if isinstance(edit, PhotoEdit) else str(edit))


Loaded = list[PhotoEdit | UserError]


def _load_batches(
    requests: Sequence[EditRequest], batch_size: int, size: int, find: Finder
) -> Iterator[tuple[list[EditRequest], Loaded]]:
    """Yield batches of requests and what was loaded for them; photos of more than MAX_PIXELS in all end a batch."""
    batch: list[EditRequest] = []
    loaded: Loaded = []
    pixels = 0
    for last, request in enumerate(requests, 1 - len(requests)):
        batch.append(request)
        loaded.append(_load(request, size))
        if isinstance(loaded[-1], PhotoEdit):
            pixels += math.prod(loaded[-1].photograph.size)
        if len(batch) == batch_size or pixels > MAX_PIXELS or last == 0:
            _find_missing(batch, loaded, find)
            yield batch, loaded
            batch, loaded, pixels = [], [], 0


def _load(request: EditRequest, size: int) -> PhotoEdit | UserError:
    """Open a request's photo and its mask, if that is a file."""
    try:
        photograph = open_photograph(request.image, size)
        mask = None if request.mask in (AUTO, NONE) else open_mask(Path(request.mask), photograph)
        return PhotoEdit(photograph, request.instruction, request.seed, mask)
    except UserError as error:
        return error


def _find_missing(requests: Sequence[EditRequest], loaded: Loaded, find: Finder) -> None:
    """Predict the masks of a batch together, in place."""
    missing = [
        n
        for n, (request, edit) in enumerate(zip(requests, loaded, strict=True))
        if request.mask == AUTO and isinstance(edit, PhotoEdit)
    ]
    found = find_masks(find, [(loaded[n].photograph, requests[n].instruction) for n in missing])
    for n, mask in zip(missing, found, strict=True):
        loaded[n] = mask if isinstance(mask, UserError) else replace(loaded[n], mask=mask)
