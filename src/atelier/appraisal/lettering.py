"""Which words a picture shows, by optical character recognition (rapidocr: its models come with the package).

Small pictures are enlarged first, since the recogniser was made for text some 48 px high. A word is forgiven its case
and 0 for O, as in the paper on logos (section 4.2); any other letter counts.

Legend: B batch, H W pixels. Pictures are float32 (B, 3, H, W) in [0, 1].
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

from atelier.images import to_pixels

if TYPE_CHECKING:
    from rapidocr import RapidOCR

SIDE = 320  # px that a picture is enlarged to, and that the finder of text works at


def forgive(text: str) -> str:
    """A word without its case and punctuation, with O for 0: " Vet0." and "VETO" are both "veto"."""
    return re.sub(r"[\W_]", "", text).casefold().replace("0", "o")


# n = max over words w of max(0, 1 − edits(w, word) / len(word))      edits: Levenshtein's distance
def nearness(texts: Sequence[str], word: str) -> float:
    """How near the nearest of some words is to `word`, in [0, 1], all forgiven: 1 is the word, 0 no letter of it.

    Raises:
        ValueError: nothing is left of `word`.
    """
    wanted = forgive(word)
    if not wanted:
        raise ValueError(f"{word!r} has no letter")
    guesses = [forgive(text) for text in texts]
    edits = edit_distance(guesses, [wanted] * len(guesses), reduction="none").tolist() if guesses else []
    return max([0.0, *(1 - count / len(wanted) for count in edits)])


@dataclass(frozen=True)
class Reader:
    """Reads words. It makes no call to any network, and says nothing."""

    side: int = SIDE
    threads: int = field(default_factory=torch.get_num_threads)

    @cached_property
    def _engine(self) -> "RapidOCR":
        from rapidocr import RapidOCR

        return RapidOCR(params={
            "Global.log_level": "critical", "Det.limit_side_len": self.side,
            "EngineConfig.onnxruntime.intra_op_num_threads": self.threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        })  # fmt: skip

    def words(self, pictures: Tensor) -> list[list[str]]:
        """The words found in each of B pictures, as they are written there, in no order that means anything."""
        return [self._read(pixels) for pixels in to_pixels(pictures)]

    def reads(self, pictures: Tensor, word: str) -> Tensor:
        """Whether each of B pictures shows `word`, bool (B,): one of its words is that and no more, forgiven.

        Raises:
            ValueError: nothing is left of `word`.
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
        found = self._engine(
            np.asarray(large)[:, :, ::-1], use_cls=False
        )  # blue first; no search for pages upside down
        return [word for text in found.txts or () for word in text.split()]
