"""Does a picture show what was asked for? A CLIP chooses among prompts that differ in one word alone.

A logo that stands in every picture says nothing of the rest of the prompt: a model that paints its training pictures
again wins. Asked for a blue sweater, that model paints the black one it knows, and a CLIP that has to name the colour
says so.

    p(option | picture) = softmax over options of (logit scale · cosine)      as CLIP was trained (Radford et al. 2021)

Legend: B pictures, O options, D feature width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from atelier.measures.clip import ClipScorer

BLANK = "{}"  # where a template has its word


@dataclass(frozen=True)
class Choice:
    """What was chosen for each of B pictures."""

    chosen: Tensor  # (B,), int64: number of the most likely option
    right: Tensor  # (B,), bool
    probability: Tensor  # (B,), float32 in [0, 1]: of the right option


def choose(
    scorer: ClipScorer, features: Tensor, templates: Sequence[str], words: Sequence[str], options: Sequence[str]
) -> Choice:
    """Let a CLIP fill the blank of each picture's template.

    Args:
        features: unit features (B, D) of the pictures, by the same CLIP.
        templates: each picture's prompt with a `{}` for the word, in words that the CLIP knows.
        words: the word that was asked for, one a picture.
        options: the O words to choose from.

    Raises:
        ValueError: a template has no blank, or a word is not among the options.
    """
    for template, word in zip(templates, words, strict=True):
        if template.count(BLANK) != 1 or word not in options:
            raise ValueError(f"{template!r} with {word!r}: expected one {BLANK} and one of {', '.join(options)}")
    scale, rows = scorer.model.logit_scale.exp(), []
    texts = {template: scorer.text_features([template.replace(BLANK, option) for option in options])
             for template in dict.fromkeys(templates)}  # fmt: skip
    for feature, template in zip(features, templates, strict=True):
        rows.append((scale * (texts[template] @ feature)).softmax(0))
    chances = torch.stack(rows) if rows else torch.zeros(0, len(options))
    asked = torch.tensor([list(options).index(word) for word in words], dtype=torch.int64)
    chosen = chances.argmax(1)
    return Choice(chosen, chosen == asked, chances.gather(1, asked[:, None])[:, 0])
