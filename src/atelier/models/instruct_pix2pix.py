"""A loaded editor as one value, and its passages between pixels, latents and texts.

Legend: B batch, C channels, H W pixels, h w latent, T tokens. Pictures are float32 (B, 3, H, W) in [0, 1]; only here
are they taken to the VAE's [-1, 1]. Two latents must not be confused: the one that is *noised* is multiplied by the
VAE's scaling factor, the one that *conditions* the editor (the source) is not (as in diffusers).
"""

import copy
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from atelier.common.errors import UserError
from atelier.models import lora

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

TRAINED_TENSORS = "trained.safetensors"  # in a fine-tuned editor's folder: the tensors that training changed, float32
TRAINED_FACTS = "finetuned.json"  # and what they are: the base they belong to, the block set, counts, the best epoch
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Editor:
    """The parts of an instruction-guided editor, frozen (no gradients, evaluation mode)."""

    unet: "UNet2DConditionModel"
    vae: "AutoencoderKL"
    text_encoder: "CLIPTextModel"
    tokenizer: "CLIPTokenizer"
    scheduler: "DDIMScheduler"
    dtype: torch.dtype
    device: torch.device
    widened: bool = False  # the source's channels of `conv_in` are new and zero: they must be among what is trained

    @property
    def scaling_factor(self) -> float:
        """What a latent is multiplied by before it is noised."""
        return self.vae.config.scaling_factor

    @property
    def latent_stride(self) -> int:
        """Pixels of the picture along one side of a latent cell."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def size(self) -> int:
        """Side of the square pictures that the editor is made for, px."""
        return self.unet.config.sample_size * self.latent_stride


def choose_device(name: str) -> torch.device:
    """`auto`, `cpu` or `cuda` → a device.

    Raises:
        UserError: cuda is asked for where there is none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("models.device: cuda is not available here; use auto or cpu")
    return torch.device(name)


def load_editor(where: str | Path, dtype: str = "float32", device: str = "auto") -> Editor:
    """Load a `StableDiffusionInstructPix2PixPipeline` from a diffusers folder or a hub name.

    A text-to-image `StableDiffusionPipeline` serves too: its UNet is widened by channels for the source (`_widen`).
    Sampling is DDIM whatever scheduler the folder names: it draws no noise of its own, so that an edit is a function
    of its seed. The noise schedule and the prediction type stay the folder's.

    Raises:
        UserError: nothing can be loaded from there, or the UNet is not conditioned on a picture.
    """
    from diffusers import DDIMScheduler, StableDiffusionInstructPix2PixPipeline
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    chosen, precision = choose_device(device), _DTYPES[dtype]
    try:
        parts = StableDiffusionInstructPix2PixPipeline.from_pretrained(
            str(where), use_safetensors=True, safety_checker=None, requires_safety_checker=False
        )
    except (OSError, ValueError) as error:  # diffusers' own words for: no such folder, no such name, no network
        raise UserError(f"{where}: no editor to load ({' '.join(str(error).split())[:200]})") from None
    latent, given = parts.vae.config.latent_channels, parts.unet.config.in_channels
    if given not in (latent, 2 * latent):
        wanted = f"an instruction editor takes {2 * latent}, a text-to-image model to start from {latent}"
        raise UserError(f"{where}: its UNet takes {given} channels; {wanted}")
    if given == latent:
        _widen(parts.unet, 2 * latent)
    for part in (parts.unet, parts.vae, parts.text_encoder):
        part = part.float() if precision == torch.float32 else part.bfloat16()  # .to(dtype) warns, of nothing here
        part.requires_grad_(False).eval().to(chosen)
    tokenizer, longest = parts.tokenizer, parts.text_encoder.config.max_position_embeddings
    if tokenizer.model_max_length > longest:  # transformers 5 can lose the length in saving
        tokenizer.model_max_length = longest
    scheduler = DDIMScheduler.from_config(parts.scheduler.config, clip_sample=False)  # latents are not in [-1, 1]
    return Editor(
        parts.unet, parts.vae, parts.text_encoder, tokenizer, scheduler, precision, chosen, widened=given == latent
    )


def _widen(unet: "UNet2DConditionModel", channels: int) -> None:
    """Give a just loaded UNet more input channels, as InstructPix2Pix (section 3.2) does.

    The new weights are zero and the bias stays, so that the prediction is what it was whatever the new channels hold.
    """
    old = unet.conv_in
    new = torch.nn.utils.skip_init(  # drawing weights that are then replaced would disturb the caller's random numbers
        torch.nn.Conv2d, channels, old.out_channels, old.kernel_size, old.stride, old.padding, dtype=old.weight.dtype
    )
    with torch.no_grad():
        new.weight.zero_()
        new.weight[:, : old.in_channels] = old.weight
        new.bias.copy_(old.bias)
    unet.conv_in = new
    unet.register_to_config(in_channels=channels)


def with_tensors(editor: Editor, tensors: dict[str, Tensor]) -> Editor:
    """The same editor with other values for some of the UNet's parameters.

    The given tensors *are* the new parameters (not copied, their dtype kept); all others are shared with `editor`,
    which is left as it is. Training in place on the given tensors is therefore seen through the returned editor.
    """
    shared = {id(parameter): parameter for parameter in editor.unet.parameters()}
    unet = copy.deepcopy(editor.unet, shared)
    unet.load_state_dict(tensors, strict=False, assign=True)
    return replace(editor, unet=unet)


def apply_trained(editor: Editor, folder: Path) -> Editor:
    """The editor with the fine-tuned tensors of `folder` in place of its own.

    Raises:
        UserError: the tensors are missing or unreadable, or do not belong to this UNet.
    """
    path = Path(folder) / TRAINED_TENSORS
    try:
        trained = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None
    bare = _adapted(editor, Path(folder))
    own = dict(bare.unet.named_parameters())
    known_as = {saved: name for name, saved in lora.names(bare.unet).items()}
    tensors = {known_as.get(name, name): tensor.to(editor.device, editor.dtype) for name, tensor in trained.items()}
    for name, tensor in tensors.items():
        if name not in own or own[name].shape != tensor.shape:
            raise UserError(f"{path}: {name!r} does not fit this UNet; was it fine-tuned from another base?")
    if not tensors.keys() >= set(known_as.values()):
        raise UserError(f"{path}: lacks tensors of the adapters that {TRAINED_FACTS} beside it names")
    return with_tensors(bare, tensors)


def _adapted(editor: Editor, folder: Path) -> Editor:
    """The editor, with adapters that have no values yet where the folder says that it holds adapters."""
    path = folder / TRAINED_FACTS
    facts = json.loads(path.read_text()) if path.exists() else {}
    if facts.get("method") != "lora":
        return editor
    unet = lora.inject(editor.unet, facts["lora_rank"], facts["lora_alpha"], facts["lora_targets"])
    return replace(editor, unet=unet)


def open_weights(where: str | Path, dtype: str = "float32", device: str = "auto") -> Editor:
    """Load a base (folder or hub name), or a fine-tuned folder on top of the base that it names."""
    facts = Path(where) / TRAINED_FACTS
    if not facts.exists():
        return load_editor(where, dtype, device)
    base = json.loads(facts.read_text())["base"]
    return apply_trained(load_editor(base, dtype, device), Path(where))


@torch.no_grad()
def encode_images(editor: Editor, pictures: Tensor) -> Tensor:
    """(B, 3, H, W) in [0, 1] → float32 (B, C, h, w): the mode of the VAE's posterior, not scaled."""
    pixels = (pictures * 2 - 1).to(editor.device, editor.dtype)
    return editor.vae.encode(pixels).latent_dist.mode().float()


@torch.no_grad()
def decode_latents(editor: Editor, latents: Tensor) -> Tensor:
    """Scaled latents (B, C, h, w) → float32 pictures (B, 3, H, W) in [0, 1]."""
    pixels = editor.vae.decode((latents / editor.scaling_factor).to(editor.device, editor.dtype)).sample
    return (pixels.float() / 2 + 0.5).clamp(0, 1)


@torch.no_grad()
def encode_texts(editor: Editor, texts: Sequence[str]) -> Tensor:
    """Texts → float32 (B, T, C), padded or cut to the tokenizer's length, without attention mask as in training."""
    tokens = editor.tokenizer(
        list(texts), padding="max_length", max_length=editor.tokenizer.model_max_length, truncation=True,
        return_tensors="pt",
    )  # fmt: skip
    return editor.text_encoder(tokens.input_ids.to(editor.device))[0].float()


def predict(editor: Editor, noisy: Tensor, conditions: Tensor, timesteps: Tensor, texts: Tensor) -> Tensor:
    """The UNet's raw prediction (noise or velocity) for scaled noisy latents (B, C, h, w), float32.

    Args:
        conditions: unscaled source latents, or zeros where the picture is dropped (B, C, h, w).
        timesteps: int64, (B,) or a scalar.
        texts: (B, T, C).
    """
    mixed = editor.dtype != torch.float32  # trained tensors are float32 among bfloat16 ones
    stacked = torch.cat([noisy, conditions], dim=1)
    with torch.autocast(editor.device.type, editor.dtype, enabled=mixed):
        return editor.unet(stacked, timesteps, texts, return_dict=False)[0].float()
