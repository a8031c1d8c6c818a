"""InstructPix2Pix editors (Brooks et al. 2023): loading, fine-tuned tensors, instructions and predictions.

Legend: B batch, C channels, h w latent, T tokens. Two latents must not be confused: the one that is *noised* is
multiplied by the VAE's scaling factor, the one that *conditions* the editor (the source's) is not (as in diffusers).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from atelier.common.errors import UserError
from atelier.models import lora
from atelier.models.base import DiffusionModel, autocast, tokenize, with_tensors
from atelier.models.check import find_folder, opening
from atelier.models.digest import check_base
from atelier.models.finetuned import TRAINED_FACTS, TRAINED_TENSORS, read_facts, read_trained
from atelier.models.loading import (
    DTYPES,
    NO_CHECKER,
    STABLE_DIFFUSION,
    choose_device,
    freeze,
    limit_length,
    read_pipeline,
    rehearse,
)
from atelier.models.tokens import TokenLimit

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer


@dataclass(frozen=True)
class Editor(DiffusionModel):
    """An instruction-guided editor: its UNet takes the source image's latent beside the noisy one."""

    unet: "UNet2DConditionModel"
    vae: "AutoencoderKL"
    text_encoder: "CLIPTextModel"
    tokenizer: "CLIPTokenizer"
    scheduler: "DDIMScheduler"
    dtype: torch.dtype
    device: torch.device
    widened: bool = False  # the source's channels of `conv_in` are new and zero: they must be among what is trained
    trained_size: int | None = (
        None  # side of the images that it was fine-tuned on, px; None: not fine-tuned, or unknown
    )

    @property
    def size(self) -> int:
        """The side of the square images to edit, in pixels: what it was fine-tuned at, or else the base's."""
        return self.trained_size or super().size

    @property
    def network(self) -> "UNet2DConditionModel":
        """The UNet."""
        return self.unet

    denoiser = network

    @property
    def limit(self) -> TokenLimit:
        """How much of an instruction the editor reads."""
        return TokenLimit(self.tokenizer, self.tokenizer.model_max_length)

    def with_network(self, network: torch.nn.Module) -> "Editor":
        """Return the same editor with another UNet."""
        return replace(self, unet=network)


def load_editor(where: str | Path, dtype: str = "float32", device: str = "auto") -> Editor:
    """Load a `StableDiffusionInstructPix2PixPipeline` from a diffusers folder or a hub id.

    A text-to-image `StableDiffusionPipeline` serves too: its UNet gets channels for the source (`_widen`). Sampling is
    DDIM whatever scheduler the folder names: it draws no noise of its own, so that an edit is a function of its seed.
    The noise schedule and the prediction type are the folder's.

    Raises:
        UserError: nothing can be loaded, or the UNet takes neither one latent nor two.
    """
    from diffusers import DDIMScheduler, StableDiffusionInstructPix2PixPipeline

    chosen, precision = choose_device(device), DTYPES[dtype]
    with opening(f"{where}: no editor to load"):
        parts = read_pipeline(StableDiffusionInstructPix2PixPipeline, where, STABLE_DIFFUSION, **NO_CHECKER)
        latent, given = parts.vae.config.latent_channels, parts.unet.config.in_channels
        if given not in (latent, 2 * latent):
            wanted = f"an instruction editor takes {2 * latent}, a text-to-image model to start from {latent}"
            raise UserError(f"its UNet takes {given} channels; {wanted}")
        if given == latent:
            _widen(parts.unet, 2 * latent)
        for part in (parts.unet, parts.vae, parts.text_encoder):
            freeze(part, precision, chosen)
        limit_length(parts.tokenizer, parts.text_encoder)
        scheduler = DDIMScheduler.from_config(parts.scheduler.config, clip_sample=False)  # latents are not in [-1, 1]
        networks = parts.unet, parts.vae, parts.text_encoder, parts.tokenizer, scheduler
        editor = Editor(*networks, precision, chosen, given == latent)
        rehearse(
            editor, lambda latents, time, texts: predict(editor, latents, latents, time, encode_texts(editor, texts))
        )
    return editor


def _widen(unet: "UNet2DConditionModel", channels: int) -> None:
    """Give a UNet more input channels, in place (InstructPix2Pix, section 3.2).

    The new weights are zero and the bias stays, so that the prediction does not depend on the new channels at first.
    """
    old = unet.conv_in
    new = torch.nn.utils.skip_init(  # initialising weights that are then replaced would consume RNG state
        torch.nn.Conv2d, channels, old.out_channels, old.kernel_size, old.stride, old.padding, dtype=old.weight.dtype
    )
    with torch.no_grad():
        new.weight.zero_()
        new.weight[:, : old.in_channels] = old.weight
        new.bias.copy_(old.bias)
    unet.conv_in = new
    unet.register_to_config(in_channels=channels)


def apply_trained(editor: Editor, folder: Path) -> Editor:
    """Return the editor with the fine-tuned tensors of `folder` in place of its own.

    Raises:
        UserError: the tensors are missing or unreadable, or do not belong to this UNet.
    """
    path = Path(folder) / TRAINED_TENSORS
    facts = read_facts(folder) if (Path(folder) / TRAINED_FACTS).exists() else {}
    trained = read_trained(folder, facts)
    if facts.get("method") == "lora":
        options = (facts[f"lora_{name}"] for name in ("rank", "alpha", "targets"))
        editor = replace(editor, unet=lora.inject(editor.unet, *options))
    own = dict(editor.unet.named_parameters())
    adapters = {saved: name for name, saved in lora.names(editor.unet).items()}
    tensors = {adapters.get(name, name): tensor.to(editor.device, editor.dtype) for name, tensor in trained.items()}
    for name, tensor in tensors.items():
        if name not in own or own[name].shape != tensor.shape:
            raise UserError(f"{path}: {name!r} does not fit this UNet; was it fine-tuned from another base?")
    if not tensors.keys() >= set(adapters.values()):
        raise UserError(f"{path}: lacks tensors of the adapters that {TRAINED_FACTS} beside it names")
    return replace(with_tensors(editor, tensors), trained_size=facts.get("size"))


def open_weights(where: str | Path, dtype: str = "float32", device: str = "auto") -> Editor:
    """Load a base (folder or hub id), or a fine-tuned folder on top of the base that it names.

    Raises:
        UserError: a file is missing or damaged, the base is another than the one that was fine-tuned, or the fine-tuned
            tensors do not belong to it.
    """
    with opening(f"{where}: no editor to load"):
        folder = find_folder(where)
    if folder is None or not any((folder / name).exists() for name in (TRAINED_FACTS, TRAINED_TENSORS)):
        return load_editor(where, dtype, device)
    with opening(f"{where}"):
        facts = read_facts(folder)
        base = load_editor(facts["base"], dtype, device)
        check_base(facts, folder)
        return apply_trained(base, folder)


@torch.no_grad()
def encode_texts(editor: Editor, texts: Sequence[str]) -> Tensor:
    """Texts → float32 (B, T, C), without attention mask as in training.

    Padded or cut to the tokenizer's length; `Editor.limit` says what is cut off.
    """
    return editor.text_encoder(tokenize(editor.tokenizer, texts).to(editor.device))[0].float()


def predict(editor: Editor, noisy: Tensor, conditions: Tensor, timesteps: Tensor, texts: Tensor) -> Tensor:
    """Return the UNet's raw prediction (noise or velocity) for scaled noisy latents (B, C, h, w), float32.

    Args:
        conditions: unscaled source latents, or zeros where the source is dropped (B, C, h, w).
        timesteps: int64, (B,) or a scalar.
        texts: encoded instructions, (B, T, C).
    """
    latents, texts = torch.cat([noisy, conditions], dim=1).to(editor.dtype), texts.to(editor.dtype)
    with autocast(editor):
        return editor.unet(latents, timesteps, texts, return_dict=False)[0].float()
