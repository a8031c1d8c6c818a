"""The network that a training step calls, with all that can be trained in it under diffusers' names of the parts.

Legend: B batch, T tokens, C channels, h w latent.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import Module, Parameter
from torch.nn.functional import embedding


@dataclass(frozen=True)
class PromptEmbeds:
    """B prompts: either their token ids, where the text encoder is trained, or its output."""

    tokens: Tensor | None = None  # (B, T), int64
    context: Tensor | None = None  # (B, T, C), float32
    pooled: Tensor | None = None  # (B, C), float32: for denoisers that also take one vector for a whole prompt

    def repeat(self, count: int) -> "PromptEmbeds":
        """Return the same prompts `count` times."""
        return _combine([self], lambda tensors: tensors[0].repeat(count, *[1] * (tensors[0].ndim - 1)))

    def to(self, dtype: torch.dtype) -> "PromptEmbeds":
        """Return the same prompts with what is encoded in a precision."""
        return _combine([self], lambda tensors: tensors[0].to(dtype) if tensors[0].is_floating_point() else tensors[0])


def join(parts: Sequence[PromptEmbeds]) -> PromptEmbeds:
    """Concatenate prompts that are all encoded, or all not."""
    return _combine(parts, torch.cat)


def _combine(parts: Sequence[PromptEmbeds], combine: Callable[[list[Tensor]], Tensor]) -> PromptEmbeds:
    columns = {field.name: [getattr(part, field.name) for part in parts] for field in fields(PromptEmbeds)}
    return PromptEmbeds(**{name: None if found[0] is None else combine(found) for name, found in columns.items()})


class UNetAndText(Module):
    """Stable Diffusion's UNet, with its text encoder for prompts that are not encoded yet."""

    def __init__(self, unet: Module, text_encoder: Module) -> None:
        super().__init__()
        self.unet, self.text_encoder = unet, text_encoder

    def forward(self, noisy: Tensor, timesteps: Tensor, prompts: PromptEmbeds) -> Tensor:
        """Predict the noise or velocity (B, C, h, w) of latents (B, C, h, w) at timesteps (B,)."""
        context = prompts.context if prompts.tokens is None else self.text_encoder(prompts.tokens)[0]
        return self.unet(noisy, timesteps, context, return_dict=False)[0]

    def enable_gradient_checkpointing(self) -> None:
        """Recompute the UNet's activations in the backward pass."""
        self.unet.enable_gradient_checkpointing()


@contextmanager
def watched(network: Module, on_pass: Callable[[], None] | None) -> Iterator[None]:
    """Call a function, if there is one, before each pass through a network: one for a sampling step of a batch."""
    hook = network.register_forward_pre_hook(lambda *_: on_pass()) if on_pass else nullcontext()
    with hook:
        yield


class TransformerOnly(Module):
    """Stable Diffusion 3's transformer; its three text encoders stay frozen and are not part of the network."""

    def __init__(self, transformer: Module) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(self, noisy: Tensor, timesteps: Tensor, prompts: PromptEmbeds) -> Tensor:
        """Predict the velocity (B, C, h, w) of latents (B, C, h, w) at timesteps (B,)."""
        return self.transformer(noisy, prompts.context, prompts.pooled, timesteps, return_dict=False)[0]

    def enable_gradient_checkpointing(self) -> None:
        """Recompute the transformer's activations in the backward pass."""
        self.transformer.enable_gradient_checkpointing()


class ExtendedEmbedding(Module):
    """A frozen table of token embeddings with additional rows: only these are parameters to be trained."""

    def __init__(self, table: Module, rows: Tensor, first: int) -> None:
        """Append `rows` (V, C) to the table, for token ids `first` to `first` + V − 1."""
        super().__init__()
        self.table, self.first = table, first
        self.rows = Parameter(rows, requires_grad=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T) int64 → (B, T, C)."""
        new = tokens >= self.first
        known = self.table(tokens.masked_fill(new, 0))
        added = embedding((tokens - self.first).clamp(min=0), self.rows).to(known.dtype)
        return added.where(new[..., None], known)
