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
from atelier.images.letterbox import fit_mask
from atelier.images.photo import (
    Photograph,
    composite,
    from_square,
    open_mask,
    open_photograph,
    save,
)
from atelier.images.tensors import MAX_PIXELS, inside_mask, to_pixels, to_tensor
from atelier.masks.predict import Search
from atelier.models.instruct_pix2pix import Editor
from atelier.models.tokens import describe_unread
from atelier.sampling import edit as editing
from atelier.sampling.batch_csv import EditRequest
from atelier.sampling.keep import Keep
from atelier.sampling.regions import Region, describe_region, find_regions, save_mask, save_overlay, warnings
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
    found: Region | None = None  # where the mask is from, if the segmenter predicted it


@dataclass(frozen=True)
class EditResult:
    """The result of a request: its file was written, or the reason why not."""

    request: EditRequest
    refused: str | None
    notes: Sequence[str] = ()  # what was found, and reasons why the edit may be poor


def name_garment(instruction: str) -> str:
    """Return the garment category that the instruction names first, or "clothes" if it names none."""
    return read_request(instruction).garment or UNKNOWN_GARMENT


def open_edit(photograph: Photograph, instruction: str, seed: int, mask: str) -> PhotoEdit:
    """Return the edit of a photo, with the mask of a file; one that is to be predicted is added by `find_masks`.

    Args:
        mask: auto (the garment that the instruction names), none, or a file.

    Raises:
        UserError: the file is not a mask for this photo.
    """
    return PhotoEdit(photograph, instruction, seed, None if mask in (AUTO, NONE) else open_mask(Path(mask), photograph))


def find_mask(search: Search, edit: PhotoEdit, mask: str) -> PhotoEdit:
    """Return an edit with its mask: for `auto` that of the garment that the instruction names.

    Raises:
        UserError: the garment is not found.
    """
    if mask != AUTO:
        return edit
    (found,) = find_masks(search, [edit])
    if isinstance(found, UserError):
        raise found
    return found


def check_keep(settings: Generate, mask: str) -> None:
    """Check that there is a mask where what is kept depends on one.

    Args:
        mask: auto, none, or a file.

    Raises:
        UserError: there is none.
    """
    if mask == NONE and Keep.of(settings).needs_mask:
        raise UserError(f"keep {settings.keep} needs a mask, but mask is none; expected keep none or consistent")


def find_masks(search: Search, edits: Sequence[PhotoEdit]) -> list[PhotoEdit | UserError]:
    """Return edits with the mask of the garment that each instruction names, or an error where it is not found."""
    found = find_regions(search, [(one.photograph, name_garment(one.instruction)) for one in edits])
    return [
        region if isinstance(region, UserError) else replace(one, mask=region.mask, found=region)
        for one, region in zip(edits, found, strict=True)
    ]


def describe_edit(edit: PhotoEdit, min_area: float) -> list[str]:
    """Say what was found in the photo, and why the edit may be poor.

    Args:
        min_area: `mask.min_area` of the parameters.
    """
    found = [describe_region(edit.found, edit.photograph)] if edit.found else []
    return [*found, *warnings(edit.photograph, edit.found, min_area)]


def save_views(edit: PhotoEdit, mask: Path | None, overlay: Path | None) -> None:
    """Write the edit's mask and the photo with the mask shown, where a file is named for it; it must have a mask."""
    if mask:
        save_mask(edit.mask, mask)
    if overlay:
        save_overlay(edit.photograph, edit.mask, overlay)


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
        squares = [one.photograph.square for one in batch]
        masks = [None if one.mask is None else inside_mask(fit_mask(one.mask, one.photograph.fit)) for one in batch]
        alike = all(np.array_equal(squares[0], square) for square in squares)
        edited = editing.edit(
            editor,
            to_tensor(squares[:1] if alike else squares),
            [one.instruction for one in batch],
            [one.seed for one in batch],
            steps=settings.steps,
            guidance_text=settings.guidance_text,
            guidance_image=settings.guidance_image,
            free=Keep.of(settings).rule(masks, squares[0].shape[:2], editor),
            progress=progress,
        )
        for one, square in zip(batch, to_pixels(edited), strict=True):
            yield composite(one.photograph, from_square(square, one.photograph), one.mask)


def edit_batch(
    editor: Editor, requests: Sequence[EditRequest], settings: Generate, search: Search, min_area: float
) -> Iterator[EditResult]:
    """Edit photos in batches and write their files; yield a result for each request, in order.

    A request that cannot be edited is refused and the others continue.

    Args:
        min_area: `mask.min_area` of the parameters.
    """
    for batch, loaded in _load_batches(requests, settings, editor.size, search):
        pixels = make_edits(editor, [edit for edit in loaded if isinstance(edit, PhotoEdit)], settings)
        for request, edit in zip(batch, loaded, strict=True):
            if isinstance(edit, PhotoEdit):
                save(next(pixels), request.output, edit.photograph.profile)
                save_views(edit, request.save_mask, request.overlay)
                yield EditResult(request, None, describe_edit(edit, min_area))
            else:
                yield EditResult(request, str(edit))


Loaded = list[PhotoEdit | UserError]


def _load_batches(
    requests: Sequence[EditRequest], settings: Generate, size: int, search: Search
) -> Iterator[tuple[list[EditRequest], Loaded]]:
    """Yield batches of requests and what was loaded for them; photos of more than MAX_PIXELS in all end a batch."""
    batch: list[EditRequest] = []
    loaded: Loaded = []
    pixels = 0
    for last, request in enumerate(requests, 1 - len(requests)):
        batch.append(request)
        loaded.append(_load(request, settings, size))
        if isinstance(loaded[-1], PhotoEdit):
            pixels += math.prod(loaded[-1].photograph.size)
        if len(batch) == settings.batch_size or pixels > MAX_PIXELS or last == 0:
            _find_missing(batch, loaded, search)
            yield batch, loaded
            batch, loaded, pixels = [], [], 0


def _load(request: EditRequest, settings: Generate, size: int) -> PhotoEdit | UserError:
    """Open a request's photo and its mask, if that is a file."""
    try:
        check_keep(settings, request.mask)
        return open_edit(open_photograph(request.image, size), request.instruction, request.seed, request.mask)
    except UserError as error:
        return error


def _find_missing(requests: Sequence[EditRequest], loaded: Loaded, search: Search) -> None:
    """Predict the masks of a batch together, in place."""
    missing = [
        n
        for n, (request, edit) in enumerate(zip(requests, loaded, strict=True))
        if request.mask == AUTO and isinstance(edit, PhotoEdit)
    ]
    for n, found in zip(missing, find_masks(search, [loaded[n] for n in missing]), strict=True):
        loaded[n] = found
