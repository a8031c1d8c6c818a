"""What loading a model consists of, whatever its kind; and text-to-image models from folders, the hub or a pipeline."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import Module

from atelier.common.errors import UserError
from atelier.models.networks import TransformerOnly, UNetAndText
from atelier.models.text_to_image import T5_TOKENS, StableDiffusion, StableDiffusion3, TextToImage

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def choose_device(name: str) -> torch.device:
    """`auto`, `cpu` or `cuda` → a device.

    Raises:
        UserError: cuda is asked for and not available.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("models.device: cuda is not available here; use auto or cpu")
    return torch.device(name)


def read_pipeline(pipeline: type["DiffusionPipeline"], where: str | Path, what: str, **options: Any) -> Any:
    """Load a diffusers pipeline from a folder or a hub id, without progress bars.

    Raises:
        UserError: there is none; `what` says what was expected.
    """
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    try:
        return pipeline.from_pretrained(str(where), use_safetensors=True, **options)
    except (OSError, ValueError) as error:  # no such folder, no such hub id, no network, a part that is missing
        raise UserError(f"{where}: no {what} to load ({' '.join(str(error).split())[:200]})") from None


def freeze(part: Module, dtype: torch.dtype, device: torch.device) -> None:
    """Take a network to a precision and a device, in place: without gradients, in evaluation mode."""
    part = part.float() if dtype == torch.float32 else part.bfloat16()  # .to(dtype) warns without need
    part.requires_grad_(False).eval().to(device)


def limit_length(tokenizer: Any, text_encoder: Module) -> None:
    """Restore a CLIP tokenizer's maximal length, which transformers 5 can lose in saving."""
    tokenizer.model_max_length = min(tokenizer.model_max_length, text_encoder.config.max_position_embeddings)


def load_model(
    where: str | Path, dtype: str = "float32", device: str = "auto", *, t5: bool = True, t5_tokens: int = T5_TOKENS
) -> TextToImage:
    """Load a `StableDiffusionPipeline` or a `StableDiffusion3Pipeline` from a diffusers folder or a hub id.

    Args:
        dtype: float32 or bfloat16; what is trained is float32 in either.
        t5: load Stable Diffusion 3's T5 text encoder too, by far its largest part.
        t5_tokens: T5's tokens for a prompt.

    Raises:
        UserError: there is neither of them.
    """
    from diffusers import DiffusionPipeline, StableDiffusion3Pipeline, StableDiffusionPipeline

    what = "text-to-image model"
    try:
        index = DiffusionPipeline.load_config(str(where))
    except (OSError, ValueError, json.JSONDecodeError) as error:
        raise UserError(f"{where}: no {what} to load ({' '.join(str(error).split())[:200]})") from None
    name = index["_class_name"]
    if name == "StableDiffusionPipeline":
        options = {"safety_checker": None, "requires_safety_checker": False}
        return open_pipeline(read_pipeline(StableDiffusionPipeline, where, what, **options), dtype, device)
    if name == "StableDiffusion3Pipeline":
        absent = not t5 or index.get("text_encoder_3", [None])[0] is None  # diffusers must be told so
        options = {"text_encoder_3": None, "tokenizer_3": None} if absent else {}
        return open_pipeline(read_pipeline(StableDiffusion3Pipeline, where, what, **options), dtype, device, t5_tokens)
    raise UserError(f"{where}: a {name}; expected a StableDiffusionPipeline or a StableDiffusion3Pipeline")


def open_pipeline(
    pipeline: "DiffusionPipeline", dtype: str = "float32", device: str = "auto", t5_tokens: int = T5_TOKENS
) -> TextToImage:
    """Turn a loaded pipeline into a model; the pipeline's own networks are frozen and put into evaluation mode.

    Sampling is DDIM, for flow matching Euler's method: neither draws noise of its own.

    Raises:
        UserError: the scheduler has dynamic (resolution-dependent) shifting, which is not supported.
    """
    from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler

    chosen, precision, parts = choose_device(device), DTYPES[dtype], dict(pipeline.components)
    for part in parts.values():
        if isinstance(part, Module):
            freeze(part, precision, chosen)
    for number in ("", "_2"):
        if f"tokenizer{number}" in parts:
            limit_length(parts[f"tokenizer{number}"], parts[f"text_encoder{number}"])
    config = parts["scheduler"].config
    if "transformer" in parts:
        if config.get("use_dynamic_shifting"):
            raise UserError("scheduler: use_dynamic_shifting is not supported; set it to false and choose a shift")
        parts["scheduler"] = FlowMatchEulerDiscreteScheduler.from_config(config)
        network = TransformerOnly(parts.pop("transformer"))
        wanted = [f"{name}{number}" for name in ("tokenizer", "text_encoder") for number in ("", "_2", "_3")]
        kept = {name: parts[name] for name in ("vae", "scheduler", *wanted)}
        return StableDiffusion3(network, kept, precision, chosen, t5_tokens)
    parts["scheduler"] = DDIMScheduler.from_config(config, clip_sample=False)  # latents are not in [-1, 1]
    network = UNetAndText(parts.pop("unet"), parts.pop("text_encoder"))
    kept = {name: parts[name] for name in ("vae", "tokenizer", "scheduler")}
    return StableDiffusion(network, kept, precision, chosen)
