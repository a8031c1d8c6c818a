"""The networks that a step calls, as one module: whatever is trained is in it, under diffusers' names of the parts."""

import copy

from torch import Tensor
from torch.nn import Module, Parameter
from torch.nn.functional import embedding

from atelier.models.words import PromptEmbeds


class UNetAndText(Module):
    """Stable Diffusion's UNet, and its text encoder for prompts that are not encoded yet."""

    def __init__(self, unet: Module, text_encoder: Module) -> None:
        super().__init__()
        self.unet, self.text_encoder = unet, text_encoder

    def forward(self, noisy: Tensor, timesteps: Tensor, words: PromptEmbeds) -> Tensor:
        """Noise or velocity (B, C, h, w) of latents (B, C, h, w) at timesteps (B,)."""
        context = words.context if words.tokens is None else self.text_encoder(words.tokens)[0]
        return self.unet(noisy, timesteps, context, return_dict=False)[0]

    def enable_gradient_checkpointing(self) -> None:
        """The UNet computes its activations again in the backward pass."""
        self.unet.enable_gradient_checkpointing()


class TransformerOnly(Module):
    """Stable Diffusion 3's transformer: its three text encoders are frozen, and stand outside."""

    def __init__(self, transformer: Module) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(self, noisy: Tensor, timesteps: Tensor, words: PromptEmbeds) -> Tensor:
        """Velocity (B, C, h, w) of latents (B, C, h, w) at timesteps (B,)."""
        return self.transformer(noisy, words.context, words.pooled, timesteps, return_dict=False)[0]

    def enable_gradient_checkpointing(self) -> None:
        """The transformer computes its activations again in the backward pass."""
        self.transformer.enable_gradient_checkpointing()


class ExtendedEmbedding(Module):
    """A frozen table of token embeddings with new rows below: these alone are parameters of this module."""

    def __init__(self, table: Module, rows: Tensor, first: int) -> None:
        """Token `first` has the first of the new rows (V, C), the next token the next, and so on."""
        super().__init__()
        self.table, self.first = table, first
        self.rows = Parameter(rows, requires_grad=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T) int64 → (B, T, C)."""
        new = tokens >= self.first
        known = self.table(tokens.masked_fill(new, 0))
        added = embedding((tokens - self.first).clamp(min=0), self.rows).to(known.dtype)
        return added.where(new[..., None], known)


def share(network: Module) -> Module:
    """A copy of the module's structure around the very same parameters and buffers."""
    kept = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    return copy.deepcopy(network, kept)


def with_values(network: Module, tensors: dict[str, Tensor]) -> Module:
    """The same networks with other values for some parameters: the given tensors; all others are shared."""
    changed = share(network)
    changed.load_state_dict(tensors, strict=False, assign=True)
    return changed
