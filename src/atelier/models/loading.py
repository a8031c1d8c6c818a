"""What loading a model consists of, whatever its kind; and text-to-image models from folders, the hub or a pipeline."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import Module

from atelier.common.errors import UserError
from atelier.models.base import DiffusionModel, decode_latents, to_latents
from atelier.models.check import find_folder, opening
from atelier.models.networks import TransformerOnly, UNetAndText
from atelier.models.parts import PROBES, check_finite, read_parts
from atelier.models.text_to_image import T5_TOKENS, StableDiffusion, StableDiffusion3, TextToImage, predict

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

STABLE_DIFFUSION = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")  # the parts that are loaded
NO_CHECKER = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
_T5 = ("text_encoder_3", "tokenizer_3")
_STABLE_DIFFUSION_3 = (
    "transformer", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler"
)  # fmt: skip
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


def read_pipeline(
    pipeline: type["DiffusionPipeline"], where: str | Path, names: tuple[str, ...], **options: Any
) -> Any:
    """Load a diffusers pipeline from a folder or a hub id, without progress bars; its parts are checked.

    Args:
        names: the parts that are loaded; `options` are given to the pipeline's class for the others.

    Raises:
        UserError: a part is missing, damaged, or does not belong to the others.
        Exception: the library's own, of any type: use it within `check.opening`.
    """
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    folder = find_folder(where) or pipeline.download(str(where), use_safetensors=True, **options)
    return pipeline(**read_parts(Path(folder), names), **options)


def freeze(part: Module, dtype: torch.dtype, device: torch.device) -> None:
    """Take a network to a precision and a device, in place: without gradients, in evaluation mode."""
    part = part.float() if dtype == torch.float32 else part.bfloat16()  # .to(dtype) warns without need
    part.requires_grad_(False).eval().to(device)


def limit_length(tokenizer: Any, text_encoder: Module) -> None:
    """Restore a CLIP tokenizer's maximal length, which transformers 5 can lose in saving."""
    tokenizer.model_max_length = min(tokenizer.model_max_length, text_encoder.config.max_position_embeddings)


@torch.no_grad()
def rehearse(model: DiffusionModel, guess: Callable[[Tensor, Tensor, Sequence[str]], Tensor]) -> None:
    """Take one sampling step on the smallest image, so that parts which do not work together are found on loading.

    Args:
        guess: latents (1, C, h, w), a timestep (1,) and a prompt → the denoiser's prediction (1, C, h, w).

    Raises:
        UserError: a result is not finite.
        Exception: of any type: use it within `check.opening`.
    """
    config, scheduler = model.denoiser.config, copy.deepcopy(model.scheduler)
    side = config.patch_size * 2 if "patch_size" in config else 2 ** (len(config.block_out_channels) - 1)
    scheduler.set_timesteps(2)
    latents = to_latents(model, torch.zeros(1, 3, side * model.latent_stride, side * model.latent_stride))
    guessed = guess(latents, scheduler.timesteps[:1].to(model.device), PROBES[:1])
    cleaner = scheduler.step(guessed, scheduler.timesteps[0], latents, return_dict=False)[0]
    check_finite({"the picture": decode_latents(model, cleaner)}, "a first step")
    int(model.size)


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

    with opening(f"{where}: no text-to-image model to load"):
        index = DiffusionPipeline.load_config(str(find_folder(where) or where))
        name = index["_class_name"]
        if name == "StableDiffusionPipeline":
            pipeline = read_pipeline(StableDiffusionPipeline, where, STABLE_DIFFUSION, **NO_CHECKER)
        elif name == "StableDiffusion3Pipeline":
            absent = not t5 or index.get("text_encoder_3", [None])[0] is None  # diffusers must be told so
            options = dict.fromkeys(_T5) if absent else {}
            names = _STABLE_DIFFUSION_3 if absent else (*_STABLE_DIFFUSION_3, *_T5)
            pipeline = read_pipeline(StableDiffusion3Pipeline, where, names, **options)
        else:
            raise UserError(f"a {name}; expected a StableDiffusionPipeline or a StableDiffusion3Pipeline")
        model = open_pipeline(pipeline, dtype, device, t5_tokens)
        rehearse(model, lambda latents, time, texts: predict(model, latents, time, model.encode(texts)))
    return model


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
