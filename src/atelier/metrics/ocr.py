"""Optical character recognition of the words in an image (rapidocr, whose models are part of the package).

Small images are enlarged first, because the recogniser expects text about 48 px high. Case and the confusion of 0 and O
are ignored, as in the paper on logos (section 4.2); every other letter counts.

Legend: B batch, H W pixels. Images are float32 (B, 3, H, W) in [0, 1].
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchmetrics.functional.text import edit_distance

from atelier.images.tensors import to_pixels

if TYPE_CHECKING:
    from rapidocr import RapidOCR

SIDE = 320  # px that an image is enlarged to, and input size of the text detector


def forgive(text: str) -> str:
    """Remove case and punctuation and replace 0 by O: " Vet0." and "VETO" both give "veto"."""
    return re.sub(r"[\W_]", "", text).casefold().replace("0", "o")


# n = max over words w of max(0, 1 − edits(w, word) / len(word))      edits: Levenshtein distance
def nearness(texts: Sequence[str], word: str) -> float:
    """Return how near the nearest of some words is to `word`, in [0, 1], after `forgive`: 1 if equal.

    Raises:
        ValueError: `word` has no letter.
    """
    wanted = forgive(word)
    if not wanted:
        raise ValueError(f"{word!r} has no letter")
    guesses = [forgive(text) for text in texts]
    edits = edit_distance(guesses, [wanted] * len(guesses), reduction="none").tolist() if guesses else []
    return max([0.0, *(1 - count / len(wanted) for count in edits)])


@dataclass(frozen=True)
class Reader:
    """OCR reader. Runs offline; silences the library's output."""

    side: int = SIDE
    threads: int = field(default_factory=torch.get_num_threads)

    @cached_property
    def _engine(self) -> "RapidOCR":
        from rapidocr import RapidOCR

        return RapidOCR(
            params={
                "Global.log_level": "critical",
                "Det.limit_side_len": self.side,
                "EngineConfig.onnxruntime.intra_op_num_threads": self.threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    def words(self, pictures: Tensor) -> list[list[str]]:
        """Return the words found in each of B images, as written there, in arbitrary order."""
        return [self._read(pixels) for pixels in to_pixels(pictures)]

    def reads(self, pictures: Tensor, word: str) -> Tensor:
        """Return whether one of the words of each of B images equals `word` after `forgive`, bool (B,).

        Raises:
            ValueError: `word` has no letter.
        """
        wanted = forgive(word)
        if not wanted:
            raise ValueError(f"{word!r} has no letter")
        found = [any(forgive(text) == wanted for text in texts) for texts in self.words(pictures)]
        return torch.tensor(found, dtype=torch.bool)

    def _read(self, pixels: np.ndarray) -> list[str]:
        height, width = pixels.shape[:2]
        factor = max(self.side / min(height, width), 1.0)
        size = round(width * factor), round(height * factor)
        large = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
        found = self._engine(np.asarray(large)[:, :, ::-1], use_cls=False)  # BGR; no detection of rotated pages
        return [word for text in found.txts or () for word in text.split()]
