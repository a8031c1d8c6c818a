"""Text-to-image models as one value each: Stable Diffusion, and Stable Diffusion 3 with flow matching.

Legend: B batch, C channels, H W pixels, h w latent, T tokens. Pictures are float32 (B, 3, H, W) in [0, 1]. Every latent
here is the one that is noised: shifted and scaled as the VAE's configuration says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import torch
from torch import Tensor
from torch.nn import Module

from atelier.models.diffusion import Diffusion, Flow, Process
from atelier.models.networks import TransformerOnly, UNetAndText
from atelier.models.words import PromptEmbeds
from atelier.training.concept.config import Concept

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

T5_TOKENS = 256  # what diffusers' pipeline pads a prompt to


class TextToImage(Protocol):
    """What concept learning asks of a model."""

    denoiser: str  # name of the network that predicts
    networks: Module
    parts: Mapping[str, Any]  # the pipeline's other parts, frozen, under diffusers' names
    dtype: torch.dtype
    device: torch.device

    def process(self, settings: Concept) -> Process:
        """How the model's latents become noise in training."""

    def encode(self, texts: Sequence[str]) -> PromptEmbeds:
        """Prompts as the model's denoiser takes them, without gradients."""

    def pipeline(self) -> "DiffusionPipeline":
        """The model as diffusers' own pipeline; its networks are shared."""


@dataclass(frozen=True)
class StableDiffusion:
    """UNet, CLIP text encoder and 4-channel VAE in the layout of Stable Diffusion 1 and 2."""

    networks: UNetAndText
    parts: Mapping[str, Any] = field(repr=False)  # vae, tokenizer, scheduler
    dtype: torch.dtype
    device: torch.device
    longhand: Mapping[str, str] = field(default_factory=dict)  # placeholder → its tokens, where it has several
    denoiser: ClassVar[str] = "unet"

    def process(self, settings: Concept) -> Diffusion:
        """Noise at timesteps drawn evenly."""
        scheduler = self.parts["scheduler"]
        return Diffusion(scheduler.alphas_cumprod, scheduler.config.prediction_type, snr_gamma=settings.snr_gamma)

    def tokens(self, texts: Sequence[str]) -> PromptEmbeds:
        """Prompts as tokens, padded or cut to the tokenizer's length."""
        for short, long in self.longhand.items():
            texts = [text.replace(short, long) for text in texts]
        return PromptEmbeds(tokens=_tokens(self.parts["tokenizer"], texts).to(self.device))

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> PromptEmbeds:
        """Prompts as the text encoder's last hidden states."""
        return PromptEmbeds(context=self.networks.text_encoder(self.tokens(texts).tokens)[0].float())

    def pipeline(self) -> "DiffusionPipeline":
        """A `StableDiffusionPipeline` of these parts."""
        from diffusers import StableDiffusionPipeline

        return StableDiffusionPipeline(
            unet=self.networks.unet, text_encoder=self.networks.text_encoder, **self.parts,
            safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip


@dataclass(frozen=True)
class StableDiffusion3:
    """Transformer, two CLIP text encoders, a T5 that may be left out, and a 16-channel VAE."""

    networks: TransformerOnly
    parts: Mapping[str, Any] = field(repr=False)  # vae, tokenizers, text encoders, scheduler
    dtype: torch.dtype
    device: torch.device
    t5_tokens: int = T5_TOKENS  # of a prompt, also where there is no T5: zeros stand for it
    denoiser: ClassVar[str] = "transformer"

    def process(self, settings: Concept) -> Flow:
        """Flow matching with the sampler's shift."""
        config = self.parts["scheduler"].config
        return Flow(config.num_train_timesteps, config.shift, error=settings.flow_error)

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> PromptEmbeds:
        """Both CLIPs' last but one hidden states side by side, below them T5's; and both CLIPs' projections."""
        states, pooled = [], []
        for number in ("", "_2"):
            tokens = _tokens(self.parts[f"tokenizer{number}"], texts).to(self.device)
            found = self.parts[f"text_encoder{number}"](tokens, output_hidden_states=True)
            states.append(found.hidden_states[-2].float())
            pooled.append(found[0].float())
        clips, width = torch.cat(states, dim=-1), self.networks.transformer.config.joint_attention_dim
        clips = torch.nn.functional.pad(clips, (0, width - clips.shape[-1]))
        return PromptEmbeds(context=torch.cat([clips, self._encode_t5(texts)], dim=1), pooled=torch.cat(pooled, dim=-1))

    def _encode_t5(self, texts: Sequence[str]) -> Tensor:
        encoder = self.parts["text_encoder_3"]
        if encoder is None:
            width = self.networks.transformer.config.joint_attention_dim
            return torch.zeros(len(texts), self.t5_tokens, width, device=self.device)
        tokens = _tokens(self.parts["tokenizer_3"], texts, self.t5_tokens).to(self.device)
        return encoder(tokens)[0].float()

    def pipeline(self) -> "DiffusionPipeline":
        """A `StableDiffusion3Pipeline` of these parts."""
        from diffusers import StableDiffusion3Pipeline

        return StableDiffusion3Pipeline(transformer=self.networks.transformer, **self.parts)


def _tokens(tokenizer: Any, texts: Sequence[str], length: int | None = None) -> Tensor:
    """(B, T) int64: padded or cut to `length` tokens, by default the tokenizer's own."""
    found = tokenizer(
        list(texts), padding="max_length", max_length=length or tokenizer.model_max_length, truncation=True,
        return_tensors="pt",
    )  # fmt: skip
    return found.input_ids


def with_networks(model: TextToImage, networks: Module) -> TextToImage:
    """The same model with other networks."""
    return replace(model, networks=networks)


def size_of(model: TextToImage) -> int:
    """Side of the square pictures that a model is made for, px."""
    vae, denoiser = model.parts["vae"], getattr(model.networks, model.denoiser)
    return denoiser.config.sample_size * 2 ** (len(vae.config.block_out_channels) - 1)


def latent_shape(model: TextToImage) -> tuple[int, int, int]:
    """(C, h, w)."""
    config = getattr(model.networks, model.denoiser).config
    return config.in_channels, config.sample_size, config.sample_size


# z = s · (E(x) − c)      s the VAE's scaling factor, c its shift (0 where it has none)
@torch.no_grad()
def to_latents(model: TextToImage, pictures: Tensor) -> Tensor:
    """(B, 3, H, W) in [0, 1] → float32 (B, C, h, w): the mode of the VAE's posterior, shifted and scaled."""
    vae = model.parts["vae"]
    found = vae.encode((pictures * 2 - 1).to(model.device, model.dtype)).latent_dist.mode().float()
    return (found - (vae.config.shift_factor or 0.0)) * vae.config.scaling_factor


@torch.no_grad()
def to_pictures(model: TextToImage, latents: Tensor) -> Tensor:
    """Latents (B, C, h, w) → float32 pictures (B, 3, H, W) in [0, 1]."""
    vae = model.parts["vae"]
    unscaled = latents / vae.config.scaling_factor + (vae.config.shift_factor or 0.0)
    decoded = vae.decode(unscaled.to(model.device, model.dtype)).sample
    return (decoded.float() / 2 + 0.5).clamp(0, 1)


def predict(model: TextToImage, network: Module, noisy: Tensor, timesteps: Tensor, words: PromptEmbeds) -> Tensor:
    """The raw prediction for noisy latents (B, C, h, w) at timesteps (B,), float32.

    Args:
        network: called in place of the model's own networks.
    """
    mixed = model.dtype != torch.float32  # trained tensors are float32 among bfloat16 ones
    with torch.autocast(model.device.type, model.dtype, enabled=mixed):
        return network(noisy, timesteps, words).float()
