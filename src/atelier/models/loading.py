"""Text-to-image models from diffusers' folders, from the hub, or from a pipeline that is loaded already."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.nn import Module

from atelier.common.errors import UserError
from atelier.models.instruct_pix2pix import choose_device
from atelier.models.networks import TransformerOnly, UNetAndText
from atelier.models.text_to_image import T5_TOKENS, StableDiffusion, StableDiffusion3, TextToImage

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def load_model(
    where: str | Path, dtype: str = "float32", device: str = "auto", *, t5: bool = True,
    t5_tokens: int = T5_TOKENS,
) -> TextToImage:  # fmt: skip
    """Load a `StableDiffusionPipeline` or a `StableDiffusion3Pipeline` from a diffusers folder or a hub name.

    Args:
        dtype: float32 or bfloat16; what is trained is float32 in either.
        t5: load Stable Diffusion 3's T5 text encoder too, by far the largest of its parts.
        t5_tokens: its tokens for a prompt.

    Raises:
        UserError: there is neither of them.
    """
    from diffusers import DiffusionPipeline, StableDiffusion3Pipeline, StableDiffusionPipeline
    from diffusers.utils.logging import disable_progress_bar
    from transformers.utils import logging

    disable_progress_bar()
    logging.disable_progress_bar()
    given = {"use_safetensors": True}
    try:
        index = DiffusionPipeline.load_config(str(where))
        kind = index["_class_name"]
        if kind == "StableDiffusionPipeline":
            given |= {"safety_checker": None, "requires_safety_checker": False}
            return open_pipeline(StableDiffusionPipeline.from_pretrained(str(where), **given), dtype, device)
        if kind == "StableDiffusion3Pipeline":
            if not t5 or index.get("text_encoder_3", [None])[0] is None:  # a folder without it has to be told so
                given |= {"text_encoder_3": None, "tokenizer_3": None}
            found = StableDiffusion3Pipeline.from_pretrained(str(where), **given)
            return open_pipeline(found, dtype, device, t5_tokens)
    except (OSError, ValueError, json.JSONDecodeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{where}: no text-to-image model ({' '.join(str(error).split())[:200]})") from None
    raise UserError(f"{where}: a {kind}; expected a StableDiffusionPipeline or a StableDiffusion3Pipeline")


def open_pipeline(
    pipeline: "DiffusionPipeline", dtype: str = "float32", device: str = "auto",
    t5_tokens: int = T5_TOKENS,
) -> TextToImage:  # fmt: skip
    """A loaded pipeline as a model: frozen, in evaluation mode; the pipeline's own networks are changed to that.

    Sampling is DDIM, for flow matching Euler's method: neither draws noise of its own.

    Raises:
        UserError: the flow's shift hangs on the picture's size, which is not supported.
    """
    from diffusers import DDIMScheduler, FlowMatchEulerDiscreteScheduler

    chosen, precision, parts = choose_device(device), _DTYPES[dtype], dict(pipeline.components)
    for part in parts.values():
        if isinstance(part, Module):
            part = part.float() if precision == torch.float32 else part.bfloat16()  # .to(dtype) warns, of nothing here
            part.requires_grad_(False).eval().to(chosen)
    for number in ("", "_2"):
        if f"tokenizer{number}" in parts:  # transformers 5 can lose the length in saving
            longest = parts[f"text_encoder{number}"].config.max_position_embeddings
            tokenizer = parts[f"tokenizer{number}"]
            tokenizer.model_max_length = min(tokenizer.model_max_length, longest)
    config = parts["scheduler"].config
    if "transformer" in parts:
        if config.get("use_dynamic_shifting"):
            raise UserError("scheduler: use_dynamic_shifting is not supported; set it to false and choose a shift")
        parts["scheduler"] = FlowMatchEulerDiscreteScheduler.from_config(config)
        networks = TransformerOnly(parts.pop("transformer"))
        wanted = [f"{name}{number}" for name in ("tokenizer", "text_encoder") for number in ("", "_2", "_3")]
        kept = {name: parts[name] for name in ("vae", "scheduler", *wanted)}
        return StableDiffusion3(networks, kept, precision, chosen, t5_tokens)
    parts["scheduler"] = DDIMScheduler.from_config(config, clip_sample=False)  # latents are not in [-1, 1]
    networks = UNetAndText(parts.pop("unet"), parts.pop("text_encoder"))
    kept = {name: parts[name] for name in ("vae", "tokenizer", "scheduler")}
    return StableDiffusion(networks, kept, precision, chosen)
