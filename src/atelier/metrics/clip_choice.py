"""Zero-shot choice: CLIP chooses among prompts that differ in one word.

A metric of the logo alone rewards a model that reproduces its training images. Such a model answers a prompt for a blue
sweater with the black one it was trained on; a CLIP that has to choose the colour detects this.

    p(option | image) = softmax over options of (logit scale · cosine)      as CLIP was trained (Radford et al. 2021)

Legend: B images, O options, D feature width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from atelier.metrics.clip import ClipScorer

BLANK = "{}"  # placeholder for the word in a template


@dataclass(frozen=True)
class Choice:
    """Choice for each of B images; -1 and NaN where the CLIP does not read the word in the prompt."""

    chosen: Tensor  # (B,), int64: index of the most likely option
    right: Tensor  # (B,), float32: 1 if it is the word of the prompt, else 0
    probability: Tensor  # (B,), float32 in [0, 1]: of the word of the prompt


def choose(
    scorer: ClipScorer, features: Tensor, templates: Sequence[str], words: Sequence[str], options: Sequence[str]
) -> Choice:
    """Let CLIP choose the word of each image's template.

    Args:
        features: unit features (B, D) of the images, by the same CLIP.
        templates: each image's prompt with `{}` for the word, in words that the CLIP was trained on.
        words: the word of each image's prompt.
        options: the O words to choose from.

    Raises:
        ValueError: a template has not exactly one `{}`, or a word is not among the options.
    """
    for template, word in zip(templates, words, strict=True):
        if template.count(BLANK) != 1 or word not in options:
            raise ValueError(f"{template!r} with {word!r}: expected one {BLANK} and one of {', '.join(options)}")
    scale, rows = scorer.model.logit_scale.exp(), []
    texts = {
        template: scorer.text_features(scorer.window([template.replace(BLANK, option) for option in options]))
        for template in dict.fromkeys(templates)
    }
    for feature, template in zip(features, templates, strict=True):
        rows.append((scale * (texts[template] @ feature)).softmax(0))
    chances = torch.stack(rows) if rows else torch.zeros(0, len(options))
    asked = torch.tensor([list(options).index(word) for word in words], dtype=torch.int64)
    unread = chances.isnan().any(1)
    chosen = chances.argmax(1).masked_fill(unread, -1)
    right = (chosen == asked).float().masked_fill(unread, torch.nan)
    return Choice(chosen, right, chances.gather(1, asked[:, None])[:, 0])
