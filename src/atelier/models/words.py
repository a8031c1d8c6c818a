"""Prompts as a denoiser takes them, encoded already or still to be encoded in the step.

Legend: B batch, T tokens, C channels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class PromptEmbeds:
    """B prompts. Either their tokens, where the text encoder is trained, or what came of them."""

    tokens: Tensor | None = None  # (B, T), int64
    context: Tensor | None = None  # (B, T, C), float32
    pooled: Tensor | None = None  # (B, C), float32: for denoisers that take the whole text as one vector too

    def take(self, rows: Tensor) -> "PromptEmbeds":
        """Some of the prompts, (B,) int64."""
        return self._map(lambda tensor: tensor[rows])

    def repeat(self, count: int) -> "PromptEmbeds":
        """The same prompts `count` times."""
        return self._map(lambda tensor: tensor.repeat(count, *[1] * (tensor.ndim - 1)))

    def _map(self, change: Callable[[Tensor], Tensor]) -> "PromptEmbeds":
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        return PromptEmbeds(**{name: None if tensor is None else change(tensor) for name, tensor in held.items()})


def join(parts: Sequence[PromptEmbeds]) -> PromptEmbeds:
    """Prompts one after the other, all of the same kind."""
    held = {field.name: [getattr(part, field.name) for part in parts] for field in fields(PromptEmbeds)}
    return PromptEmbeds(**{name: None if tensors[0] is None else torch.cat(tensors) for name, tensors in held.items()})
