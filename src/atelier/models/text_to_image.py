"""Text-to-image models as one value each: Stable Diffusion, and Stable Diffusion 3 with flow matching.

Legend: B batch, C channels, h w latent, T tokens. Every latent here is the one that is noised: shifted and scaled as
the VAE's configuration says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

import torch
from torch import Tensor
from torch.nn import Module

from atelier.common.errors import UserError
from atelier.models.base import DiffusionModel, autocast, tokenize
from atelier.models.diffusion import Diffusion, Flow, Process
from atelier.models.networks import PromptEmbeds, TransformerOnly, UNetAndText
from atelier.models.tokens import TokenLimit

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

T5_TOKENS = 256  # the length that diffusers' pipeline pads a prompt to


class TextToImage(DiffusionModel, Protocol):
    """A diffusion model that is conditioned on a prompt."""

    denoiser_name: str  # of the denoiser within `network`
    parts: Mapping[str, Any]  # the pipeline's other parts, frozen, under diffusers' names

    def noise_process(self, snr_gamma: float | None, flow_error: str) -> Process:
        """How the model's latents become noise in training; the arguments weight the loss (see `models.diffusion`)."""

    def encode(self, texts: Sequence[str]) -> PromptEmbeds:
        """Encode prompts for the denoiser, without gradients."""

    def unread(self, text: str) -> str:
        """Return the end of a prompt that is cut off, because no text encoder reads so far; empty if all is read."""

    def pipeline(self) -> "DiffusionPipeline":
        """Return the model as diffusers' own pipeline; its networks are shared."""


@dataclass(frozen=True)
class _Pipeline(DiffusionModel):
    """What both models have: a network, and the other parts of a diffusers pipeline."""

    network: Module
    parts: Mapping[str, Any] = field(repr=False)
    dtype: torch.dtype
    device: torch.device
    denoiser_name: ClassVar[str]

    @property
    def denoiser(self) -> Module:
        """The UNet or transformer."""
        return getattr(self.network, self.denoiser_name)

    @property
    def vae(self) -> Any:
        """The autoencoder."""
        return self.parts["vae"]

    @property
    def scheduler(self) -> Any:
        """The sampler."""
        return self.parts["scheduler"]

    def with_network(self, network: Module) -> Self:
        """Return the same model with another network."""
        return replace(self, network=network)


@dataclass(frozen=True)
class StableDiffusion(_Pipeline):
    """UNet, CLIP text encoder and 4-channel VAE in the layout of Stable Diffusion 1 and 2.

    `network` is a `UNetAndText`; `parts` are vae, tokenizer and scheduler.
    """

    network: UNetAndText
    longhand: Mapping[str, str] = field(default_factory=dict)  # placeholder → its tokens, where it has several
    denoiser_name: ClassVar[str] = "unet"

    def noise_process(self, snr_gamma: float | None = None, flow_error: str = "velocity") -> Diffusion:
        """Noise at timesteps drawn uniformly."""
        return Diffusion(self.scheduler.alphas_cumprod, self.scheduler.config.prediction_type, snr_gamma=snr_gamma)

    def tokens(self, texts: Sequence[str]) -> PromptEmbeds:
        """Return prompts as token ids, padded or cut to the tokenizer's length.

        Raises:
            UserError: a prompt has a placeholder in other letters, of which one vector only would be read.
        """
        return PromptEmbeds(
            tokens=tokenize(self.parts["tokenizer"], [self._write_out(text) for text in texts]).to(self.device)
        )

    def unread(self, text: str) -> str:
        """Return the end of a prompt that is cut off."""
        tokenizer = self.parts["tokenizer"]
        return TokenLimit(tokenizer, tokenizer.model_max_length).unread(self._write_out(text))

    def _write_out(self, text: str) -> str:
        """Replace placeholders by their tokens, where the tokenizer finds them."""
        for short, long in self.longhand.items():
            if self.parts["tokenizer"].tokenize(text).count(short) != text.count(short):
                raise UserError(f"prompt {text[:100]!r}: write the placeholder as {short!r}, apart from other words")
            text = text.replace(short, long)
        return text

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> PromptEmbeds:
        """Encode prompts as the text encoder's last hidden states."""
        return PromptEmbeds(context=self.network.text_encoder(self.tokens(texts).tokens)[0].float())

    def pipeline(self) -> "DiffusionPipeline":
        """Return a `StableDiffusionPipeline` of these parts."""
        from diffusers import StableDiffusionPipeline

        options = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
        return StableDiffusionPipeline(
            unet=self.network.unet, text_encoder=self.network.text_encoder, **self.parts, **options
        )


@dataclass(frozen=True)
class StableDiffusion3(_Pipeline):
    """Transformer, two CLIP text encoders, an optional T5, and a 16-channel VAE.

    `network` is a `TransformerOnly`; `parts` are vae, scheduler, and three tokenizers and text encoders.
    """

    network: TransformerOnly
    t5_tokens: int = T5_TOKENS  # of a prompt; where there is no T5, as many zero vectors take its place
    denoiser_name: ClassVar[str] = "transformer"

    def noise_process(
        self, snr_gamma: float | None = None, flow_error: Literal["velocity", "clean"] = "velocity"
    ) -> Flow:
        """Flow matching with the sampler's shift."""
        config = self.scheduler.config
        return Flow(config.num_train_timesteps, config.shift, error=flow_error)

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> PromptEmbeds:
        """Encode prompts: both CLIPs' penultimate hidden states side by side, T5's below; both CLIPs' projections."""
        states, pooled = [], []
        for number in ("", "_2"):
            tokens = tokenize(self.parts[f"tokenizer{number}"], texts).to(self.device)
            found = self.parts[f"text_encoder{number}"](tokens, output_hidden_states=True)
            states.append(found.hidden_states[-2].float())
            pooled.append(found[0].float())
        clips, width = torch.cat(states, dim=-1), self.denoiser.config.joint_attention_dim
        clips = torch.nn.functional.pad(clips, (0, width - clips.shape[-1]))
        return PromptEmbeds(context=torch.cat([clips, self._encode_t5(texts)], dim=1), pooled=torch.cat(pooled, dim=-1))

    def unread(self, text: str) -> str:
        """Return the end of a prompt that none of the text encoders reads."""
        clips = [self.parts["tokenizer"], self.parts["tokenizer_2"]]
        limits = [TokenLimit(tokenizer, tokenizer.model_max_length) for tokenizer in clips]
        if self.parts["text_encoder_3"] is not None:
            limits.append(TokenLimit(self.parts["tokenizer_3"], self.t5_tokens))
        return min((limit.unread(text) for limit in limits), key=len)

    def _encode_t5(self, texts: Sequence[str]) -> Tensor:
        encoder = self.parts["text_encoder_3"]
        if encoder is None:
            return torch.zeros(len(texts), self.t5_tokens, self.denoiser.config.joint_attention_dim, device=self.device)
        tokens = tokenize(self.parts["tokenizer_3"], texts, self.t5_tokens).to(self.device)
        return encoder(tokens)[0].float()

    def pipeline(self) -> "DiffusionPipeline":
        """Return a `StableDiffusion3Pipeline` of these parts."""
        from diffusers import StableDiffusion3Pipeline

        return StableDiffusion3Pipeline(transformer=self.network.transformer, **self.parts)


def latent_shape(model: TextToImage) -> tuple[int, int, int]:
    """Return (C, h, w)."""
    config = model.denoiser.config
    return config.in_channels, config.sample_size, config.sample_size


def predict(model: TextToImage, noisy: Tensor, timesteps: Tensor, prompts: PromptEmbeds) -> Tensor:
    """Return the raw prediction for noisy latents (B, C, h, w) at timesteps (B,), float32."""
    with autocast(model):
        return model.network(noisy.to(model.dtype), timesteps, prompts.to(model.dtype)).float()
