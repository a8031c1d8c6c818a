"""Images and prompts that a concept is learnt from: letterboxed, encoded once, and kept by row.

Legend: N rows, U distinct prompts, C channels, h w latent, H W pixels.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from atelier.common.errors import UserError
from atelier.common.iterables import batched
from atelier.common.rng import derive_seed
from atelier.images.photo import FORMATS, open_photograph, to_square
from atelier.images.tensors import to_pixels, to_tensor
from atelier.models.base import to_latents
from atelier.models.text_to_image import TextToImage
from atelier.models.tokens import notice_unread
from atelier.sampling.text_to_image import generate

_BATCH = 16
_METADATA = "metadata.jsonl"


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

    A file metadata.jsonl beside them gives prompts of their own (`file_name` and `prompt` in each line).

    Raises:
        UserError: there are none, one cannot be read, or one has no prompt.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in FORMATS)
    if not paths:
        raise UserError(f"{folder}: no pictures there ({', '.join(FORMATS)})")
    own = _read_prompts(folder / _METADATA)
    rows = []
    for path in paths:
        words = own.get(path.name, prompt)
        if not words:
            raise UserError(f"{path}: no prompt for it; give one for all, or one in {_METADATA}")
        rows.append(ConceptRow(to_square(open_photograph(path, size)), words, repeats=repeats))
    return rows


def _read_prompts(path: Path) -> dict[str, str]:
    """Return prompts by file name; none if there is no such file."""
    found = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            found[row["file_name"]] = row["prompt"]
        except (json.JSONDecodeError, KeyError, TypeError):
            raise UserError(f'{path}: line {number}: expected {{"file_name": …, "prompt": …}}') from None
    return found


def make_class_rows(
    base: TextToImage, prompt: str, count: int, weight: float, *, seed: int, steps: int, guidance: float
) -> list[ConceptRow]:
    """Make rows of prior preservation (DreamBooth, section 3.2): the base's own images of the class, with weight λ."""
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
    notice_unread(prompts, model.unread, "prompts are longer than the text encoder reads")
    seen = torch.tensor([number for number, row in enumerate(rows) for _ in range(row.repeats)])
    prompt_of = torch.tensor([prompts.index(row.prompt) for row in rows])
    weights = torch.tensor([row.weight for row in rows])
    return EncodedRows(
        latents[seen.to(model.device)], prompts, prompt_of[seen].to(model.device), weights[seen].to(model.device)
    )
