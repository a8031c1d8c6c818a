"""Images and prompts that a concept is learnt from: letterboxed, encoded once, and kept by row.

Legend: N rows, U distinct prompts, C channels, h w latent, H W pixels.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from posixpath import normpath

import numpy as np
import torch
from torch import Tensor

from atelier.common.errors import RefusedError, UserError, row_boundary
from atelier.common.iterables import batched
from atelier.common.json_lines import read_json_lines
from atelier.common.listing import count_kinds, list_files
from atelier.common.notices import notice
from atelier.common.rng import derive_seed
from atelier.common.values import is_listed, shorten, text_value
from atelier.images.decode import check_name
from atelier.images.names import EXTENSIONS, METADATA, find_metadata, is_picture
from atelier.images.photo import open_photograph
from atelier.images.tensors import to_pixels, to_tensor
from atelier.models.base import to_latents
from atelier.models.text_to_image import TextToImage
from atelier.sampling.text_to_image import generate

_BATCH = 16


@dataclass(frozen=True)
class ConceptRow:
    """One image of the concept, or of its class (prior preservation): that is a row with another weight."""

    pixels: np.ndarray  # uint8 (H, W, 3), square, of the model's size: letterboxed, never squashed
    prompt: str
    weight: float = 1.0  # λ of a class image's row
    repeats: int = 1  # how often an epoch sees it


@dataclass(frozen=True)
class EncodedRows:
    """N rows on the model's device; a row keeps its own latent, whatever order the rows are drawn in."""

    latents: Tensor  # (N, C, h, w), as they are noised
    prompts: tuple[str, ...]  # the U distinct ones
    prompt_of: Tensor  # (N,), int64: each row's
    weights: Tensor  # (N,), float32

    def __len__(self) -> int:
        return len(self.latents)


def read_folder(folder: Path, size: int, prompt: str = "", *, repeats: int = 1) -> list[ConceptRow]:
    """Read the images of a folder in the order of their names, letterboxed into a square of side `size` (pixels).

    A file metadata.jsonl beside them gives prompts of their own (`file_name` and `prompt` in each line). Masks, hidden
    files, files that are no images and folders are left out; a line on stderr counts them.

    Raises:
        UserError: there are none, one cannot be read, one has no prompt, or a line of the metadata is wrong.
    """
    listing = list_files(folder, below=False)
    pictures = [file for file in listing.files if is_picture(file.name)]
    if not pictures:
        raise UserError(f"{folder}: no pictures there ({', '.join(EXTENSIONS)})")
    names = {file.name for file in pictures}
    own: dict[str, str] = {}
    described = find_metadata(listing)
    for metadata in described:
        own |= _read_prompts(metadata.path, names)
    rest = {file.name for file in listing.files} - names - {metadata.name for metadata in described}
    if left_out := count_kinds(rest) + listing.skipped:
        notice(f"{folder}: left out: {', '.join(f'{kind} {count}' for kind, count in sorted(left_out.items()))}")
    rows = []
    for file in pictures:
        words = own.get(file.name, prompt)
        if not words:
            raise UserError(f"{file.path}: no prompt for it; give one for all, or one in {METADATA}")
        if file.leads_out:
            raise UserError(f"{file.path}: a link that leads out of the folder; expected a file inside")
        rows.append(ConceptRow(open_photograph(file.path, size).square, words, repeats=repeats))
    return rows


def _read_prompts(path: Path, pictures: Collection[str]) -> dict[str, str]:
    """Return prompts by the names of the pictures beside the file.

    Raises:
        UserError: a line is no JSON object, has no text as prompt, or names no picture there or one twice.
    """
    found: dict[str, str] = {}
    for line in read_json_lines(path):
        try:
            with row_boundary():
                if line.problem:
                    raise RefusedError(line.problem)
                name, words = (text_value(line.row.get(key), key) for key in ("file_name", "prompt"))
                name = normpath(check_name(name))
                if is_listed(line.row.get("prompt")) or not words:
                    raise RefusedError("prompt is no text")
                if name not in pictures or name in found:
                    problem = "has a prompt already" if name in found else "is no picture in this folder"
                    raise RefusedError(f"{shorten(name)!r} {problem}")
                found[name] = words
        except RefusedError as refused:
            expected = 'expected {"file_name": …, "prompt": …}'
            raise UserError(f"{path}: line {line.number}: {expected}; {refused}") from None
    return found


def make_class_rows(
    base: TextToImage, prompt: str, count: int, weight: float, *, seed: int, steps: int, guidance: float
) -> list[ConceptRow]:
    """Make rows of prior preservation (DreamBooth, section 3.3): the base's own images of the class, with weight λ."""
    seeds = [derive_seed(seed, "class", number) for number in range(count)]
    images = to_pixels(generate(base, [prompt] * count, seeds, steps=steps, guidance=guidance))
    return [ConceptRow(pixels, prompt, weight) for pixels in images]


def encode_rows(model: TextToImage, rows: Sequence[ConceptRow]) -> EncodedRows:
    """Encode each row's image once.

    Raises:
        UserError: there is no row, or an image is not of the model's size.
    """
    if not rows:
        raise UserError("concept: no row to learn from")
    for number, row in enumerate(rows):
        if row.pixels.shape != (model.size, model.size, 3):
            wanted = (model.size, model.size, 3)
            raise UserError(f"concept: row {number} is {row.pixels.shape}; letterbox it to {wanted}")
    latents = torch.cat(
        [to_latents(model, to_tensor([row.pixels for row in batch])) for batch in batched(rows, _BATCH)]
    )
    prompts = tuple(dict.fromkeys(row.prompt for row in rows))
    seen = torch.tensor([number for number, row in enumerate(rows) for _ in range(row.repeats)])
    prompt_of = torch.tensor([prompts.index(row.prompt) for row in rows])
    weights = torch.tensor([row.weight for row in rows])
    return EncodedRows(
        latents[seen.to(model.device)], prompts, prompt_of[seen].to(model.device), weights[seen].to(model.device)
    )
