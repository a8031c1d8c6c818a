"""What every diffusion model here has, whatever conditions it, and what follows from that alone.

Legend: B batch, C channels, H W pixels, h w latent, T tokens. Images are float32 (B, 3, H, W) in [0, 1]; only here are
they mapped to the VAE's [-1, 1].
"""

import copy
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Protocol, Self, TypeVar

import torch
from torch import Tensor
from torch.nn import Module

PIXELS = 2**20  # that a frozen network is given in one pass: 4 pictures of 512 px, 1 of 1024; bounds its peak memory


class DiffusionModel(Protocol):
    """A diffusion model as one immutable value: its networks are frozen and in evaluation mode."""

    network: Module  # what a training step calls: all parameters that can be trained are in it
    denoiser: Module  # the UNet or transformer that predicts: `network` itself, or a part of it
    vae: Any  # the autoencoder between images and latents
    scheduler: Any  # the sampler, with the noise schedule of training
    dtype: torch.dtype  # of the frozen weights; trained tensors are float32 in either
    device: torch.device

    def with_network(self, network: Module) -> Self:
        """Return the same model with another network."""

    @property
    def scaling_factor(self) -> float:
        """The factor on latents before they are noised."""
        return self.vae.config.scaling_factor

    @property
    def latent_stride(self) -> int:
        """The side of a latent cell, in pixels."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def size(self) -> int:
        """The side of the square images that the model is made for, in pixels."""
        return self.denoiser.config.sample_size * self.latent_stride

    @cached_property
    def mixed(self) -> bool:
        """Whether some of the network's parameters are in another precision than `dtype`, as trained ones may be."""
        return any(parameter.dtype != self.dtype for parameter in self.network.parameters())


Model = TypeVar("Model", bound=DiffusionModel)


def share(network: Module) -> Module:
    """Copy a module's structure around the very same parameters and buffers."""
    kept = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    return copy.deepcopy(network, kept)


def with_tensors(model: Model, tensors: dict[str, Tensor]) -> Model:
    """Return the model with other values for some of its network's parameters, moved to its device where necessary.

    The given tensors *are* the new parameters (not copied, their dtype kept); all others are shared with `model`, which
    does not change. Training in place on the given tensors is therefore visible through the returned model.
    """
    network = share(model.network)
    placed = {name: tensor.to(model.device) for name, tensor in tensors.items()}
    network.load_state_dict(placed, strict=False, assign=True)
    return model.with_network(network)


def autocast(model: DiffusionModel) -> torch.autocast:
    """Compute in the model's precision where the network is mixed: trained tensors are float32 among bfloat16 ones.

    A network of one precision needs no autocast, which would run its norms in float32 and cast before and after each.
    """
    return torch.autocast(model.device.type, model.dtype, enabled=model.dtype != torch.float32 and model.mixed)


def pass_size(height: int, width: int) -> int:
    """Return how many pictures of a size in pixels a frozen network takes in one pass, at least one."""
    return max(1, PIXELS // (height * width))


@torch.no_grad()
def encode_images(model: DiffusionModel, images: Tensor) -> Tensor:
    """(B, 3, H, W) in [0, 1] → float32 (B, C, h, w): the mode of the VAE's posterior, neither shifted nor scaled.

    In passes of at most `PIXELS`, so that the VAE needs the same memory for any number of pictures.
    """

    def encode(part: Tensor) -> Tensor:
        pixels = (part * 2 - 1).to(model.device, model.dtype)
        return model.vae.encode(pixels).latent_dist.mode().float()

    return _in_passes(encode, images, pass_size(*images.shape[-2:]))


# z = s · (E(x) − c)      s the VAE's scaling factor, c its shift (0 where it has none)
def to_latents(model: DiffusionModel, images: Tensor) -> Tensor:
    """(B, 3, H, W) in [0, 1] → float32 latents (B, C, h, w) as they are noised: shifted and scaled."""
    return (encode_images(model, images) - _shift(model)) * model.scaling_factor


@torch.no_grad()
def decode_latents(model: DiffusionModel, latents: Tensor) -> Tensor:
    """Shifted and scaled latents (B, C, h, w) → float32 images (B, 3, H, W) in [0, 1]; in passes as for encoding."""

    def decode(part: Tensor) -> Tensor:
        unscaled = part / model.scaling_factor + _shift(model)
        pixels = model.vae.decode(unscaled.to(model.device, model.dtype)).sample
        return (pixels.float() / 2 + 0.5).clamp(0, 1)

    return _in_passes(decode, latents, pass_size(*(side * model.latent_stride for side in latents.shape[-2:])))


def _in_passes(run: Callable[[Tensor], Tensor], batch: Tensor, most: int) -> Tensor:
    parts = [run(part) for part in batch.split(most)]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _shift(model: DiffusionModel) -> float:
    return getattr(model.vae.config, "shift_factor", None) or 0.0


def tokenize(tokenizer: Any, texts: Sequence[str], length: int | None = None) -> Tensor:
    """Texts → token ids (B, T), int64, padded or cut to `length` tokens, by default the tokenizer's own length."""
    length = length or tokenizer.model_max_length
    tokens = tokenizer(list(texts), padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    return tokens.input_ids
