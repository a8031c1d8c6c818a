"""Align the tokens of two prompts: which token of the second takes over the attention of which token of the first.

Legend: T tokens of a prompt, start, end and padding included.
"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import torch
from torch import Tensor

from atelier.common.errors import UserError


@dataclass(frozen=True)
class _Block:
    """Tokens [start, end) of the first and of the second prompt that correspond."""

    first: tuple[int, int]
    second: tuple[int, int]


def align_tokens(tokenizer: Any, before: str, after: str) -> Tensor:
    """Return which share of each token's attention goes to which token of the other prompt: float32 (T, T).

    Rows are tokens of `before`, columns of `after`; a row sums to 1, so that a replaced attention map is still a
    distribution. Words that both prompts have in common keep their tokens. A replaced word ("red" → "denim blue") hands
    the attention of its tokens on, in equal parts if their numbers differ (the word swap of Hertz et al. 2022, section
    3.2). An added word shares that of the word which it stands before ("shirt" → "striped shirt"), and a removed one
    leaves it its own; there Hertz et al. keep an added word's own map, whose sum with the others exceeds 1. End and
    padding correspond to end and padding.

    Raises:
        UserError: a prompt is longer than the text encoder reads.
    """
    length = tokenizer.model_max_length
    spans = [_word_spans(tokenizer, text, length) for text in (before, after)]
    ends = [words[-1][1] if words else 1 for words in spans]
    blocks = [_Block((0, 1), (0, 1)), _Block((ends[0] + 1, length), (ends[1] + 1, length))]
    if all(spans):
        blocks += _word_blocks(before.split(), after.split(), *spans)
        blocks += [_Block((ends[0], ends[0] + 1), (ends[1], ends[1] + 1))]
    else:  # an empty prompt has the end only
        blocks += [_Block((1, ends[0] + 1), (1, ends[1] + 1))]
    matrix = torch.zeros(length, length)
    for block in blocks:
        matrix[slice(*block.first), slice(*block.second)] = _spread(block)
    if ends[0] + 1 < length == ends[1] + 1:  # the second prompt leaves no room for padding: the end takes it over
        matrix[ends[0] + 1 :, ends[1]] = 1
    return matrix


def _spread(block: _Block) -> Tensor:
    """Return the shares within a block: token by token if both sides have as many, else in equal parts."""
    rows, columns = (end - start for start, end in (block.first, block.second))
    return torch.eye(rows) if rows == columns else torch.full((rows, columns), 1 / max(1, columns))


def _word_spans(tokenizer: Any, text: str, length: int) -> list[tuple[int, int]]:
    """Return the tokens [start, end) of each word of a prompt; words are separated by spaces."""
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False).offset_mapping
    if len(offsets) + 2 > length:
        raise UserError(f"prompt {text!r}: {len(offsets) + 2} tokens; the text encoder reads {length}")
    spans, token = [], 0
    for word in re.finditer(r"\S+", text):
        start = token
        while token < len(offsets) and offsets[token][0] < word.end():
            token += 1
        spans.append((start + 1, token + 1))  # after the start token
    return spans


def _word_blocks(
    before: list[str], after: list[str], first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> list[_Block]:
    """Return the blocks of tokens of the words that correspond; neither prompt is empty."""
    spans: list[list[int]] = []  # words [start, end) of before and of after
    for _, i, i_end, j, j_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if i_end - i == j_end - j:
            spans += [[i + k, i + k + 1, j + k, j + k + 1] for k in range(i_end - i)]
        else:
            spans.append([i, i_end, j, j_end])
    merged: list[list[int]] = []
    for place, span in enumerate(spans):
        alone = span[0] == span[1] or span[2] == span[3]  # added or removed
        waiting = bool(merged) and (merged[-1][0] == merged[-1][1] or merged[-1][2] == merged[-1][3])
        if waiting or (alone and place == len(spans) - 1 and merged):
            merged[-1] = [merged[-1][0], span[1], merged[-1][2], span[3]]
        else:
            merged.append(span)
    return [
        _Block((first[i][0], first[i_end - 1][1]), (second[j][0], second[j_end - 1][1]))
        for i, i_end, j, j_end in merged
    ]
