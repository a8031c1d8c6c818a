"""Check the configuration of a network or scheduler: the keys that it must have, and the types of their values.

diffusers takes its own default for a key that is missing, and much takes any value as true or false: the model then
computes something else without a word. What a key's value may be follows from the annotations of the class.
"""

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from atelier.common.errors import UserError

_LARGEST = {  # of a whole number in a configuration, by a part of its key: bounds what is allocated and built
    "layers": 1_000,
    "depth": 1_000,
    "blocks": 1_000,
    "heads": 10_000,
    "pos_embed_max_size": 512,
    "image_size": 8_192,
    "sample_size": 8_192,
    "side": 8_192,
    "widths": 4_096,
    "": 2_000_000,
}
_UNET = (
    "sample_size in_channels out_channels center_input_sample flip_sin_to_cos freq_shift down_block_types "
    "up_block_types block_out_channels layers_per_block downsample_padding mid_block_scale_factor act_fn "
    "norm_num_groups norm_eps cross_attention_dim attention_head_dim"
)
_VAE = (
    "in_channels out_channels down_block_types up_block_types block_out_channels layers_per_block act_fn "
    "latent_channels"
)
_TRANSFORMER = (
    "sample_size patch_size in_channels out_channels num_layers attention_head_dim num_attention_heads "
    "joint_attention_dim caption_projection_dim pooled_projection_dim pos_embed_max_size"
)
_NEEDED = {  # whatever version of diffusers wrote the file
    "UNet2DConditionModel": _UNET,
    "AutoencoderKL": _VAE,
    "SD3Transformer2DModel": _TRANSFORMER,
    "FlowMatchEulerDiscreteScheduler": "num_train_timesteps shift",
    "": "num_train_timesteps beta_start beta_end beta_schedule",  # any other scheduler
}
_SINCE = {
    "prediction_type": (0, 12),
    "scaling_factor": (0, 14),
    "shift_factor": (0, 31),
}  # diffusers writes it since then
_CLIP_TOWER = "hidden_size intermediate_size num_hidden_layers num_attention_heads hidden_act layer_norm_eps"
_WRITTEN = {  # by transformers 5 and later; earlier versions left out what has the default's value
    "clip_text_model": f"{_CLIP_TOWER} vocab_size max_position_embeddings eos_token_id",
    "clip_vision_model": f"{_CLIP_TOWER} image_size patch_size num_channels",
    "clip": "text_config vision_config projection_dim",
    "segformer": (
        "depths hidden_sizes hidden_act num_attention_heads sr_ratios strides patch_sizes mlp_ratios layer_norm_eps "
        "decoder_hidden_size num_encoder_blocks num_channels id2label"
    ),
    "upernet": "backbone_config hidden_size pool_scales id2label",
    "t5": "d_model d_kv d_ff num_layers num_heads vocab_size layer_norm_epsilon relative_attention_num_buckets",
}


def check_diffusers_config(path: Path, config: Mapping[str, Any], kind: type) -> None:
    """Check the configuration of one of diffusers' networks or schedulers.

    Raises:
        UserError: a key is missing that the version that wrote the file writes, or a value is of another type.
    """
    named = str(config.get("_class_name"))
    schedulers = named.endswith("Scheduler") and kind.__name__.endswith("Scheduler")  # read each other's files
    if named != kind.__name__ and not schedulers:
        raise UserError(f"{path}: _class_name is {_show(config.get('_class_name'))}; expected {kind.__name__!r}")
    parameters = inspect.signature(kind.__init__).parameters
    written, needed = config.get("_diffusers_version"), _NEEDED.get(kind.__name__, _NEEDED[""]).split()
    if written == version("diffusers"):
        needed = [name for name in parameters if name != "self"]
    else:
        needed += [name for name, first in _SINCE.items() if name in parameters and _parse(written) >= first]
    _need(path, config, needed)
    check_numbers(path, config)
    for name in parameters.keys() & config.keys():
        allowed = _types(parameters[name].annotation)
        if allowed and parameters[name].default is None:
            allowed.add(type(None))
        if allowed and not _fits(config[name], allowed):
            raise UserError(f"{path}: {name} is {_show(config[name])}; expected {_name(allowed)}")


def check_transformers_config(path: Path, config: Mapping[str, Any], kind: str) -> None:
    """Check the configuration of one of transformers' networks; its own classes check the values' types later.

    Args:
        kind: its `model_type`.

    Raises:
        UserError: a key is missing, it is of another kind of network, or a number is too large.
    """
    if config.get("model_type") != kind:
        raise UserError(f"{path}: model_type is {_show(config.get('model_type'))}; expected {kind!r}")
    check_numbers(path, config)
    labels = config.get("id2label", {})
    if not isinstance(labels, dict) or not all(isinstance(label, str) for label in labels.values()):
        raise UserError(f"{path}: id2label is {_show(labels)}; expected a text for each number")
    if _parse(config.get("transformers_version")) < (5,):
        return
    _need(path, config, _WRITTEN[kind].split())
    for part in ("text_config", "vision_config") if kind == "clip" else ():
        if not isinstance(config[part], dict):
            raise UserError(f"{path}: {part} is {_show(config[part])}; expected an object")
        _need(path, config[part], _WRITTEN[f"clip_{part.removesuffix('_config')}_model"].split(), f"{part}.")


def check_numbers(path: Path, config: Any, key: str = "") -> None:
    """Check that no number of a configuration is so large that building the network would not end.

    Raises:
        UserError: one is.
    """
    if isinstance(config, dict | list):
        for name, value in config.items() if isinstance(config, dict) else ((key, one) for one in config):
            check_numbers(path, value, name)
    elif isinstance(config, int | float):
        limit = next(most for part, most in _LARGEST.items() if part in key)
        if abs(config) > limit:
            raise UserError(f"{path}: {key} is {_show(config)}; the largest value is {limit:,}")


def _need(path: Path, config: Mapping[str, Any], names: Sequence[str], prefix: str = "") -> None:
    missing = [name for name in names if name not in config]
    if missing:
        raise UserError(f"{path}: no {prefix}{missing[0]}; expected the configuration that was saved with the weights")


def _parse(written: Any) -> tuple[int, ...]:
    """Return the first two numbers of a version; none for what is no version."""
    return tuple(int(one) for one in re.findall(r"\d{1,6}", str(written))[:2])


def _types(annotation: Any) -> set[Any]:
    """Return the types of JSON that an annotation allows; a Literal's values are among them as they are."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return set().union(*(_types(one) for one in get_args(annotation)))
    if origin is Literal:
        return set(get_args(annotation))
    if (origin or annotation) in (list, tuple, Sequence):
        return {list}
    return {annotation} & {bool, int, float, str, type(None)}


def _fits(value: Any, allowed: set[Any]) -> bool:
    if type(value) is int or (type(value) is float and value.is_integer()):
        return bool(allowed & {int, float})
    return type(value) in allowed or (isinstance(value, str) and value in allowed)


def _name(allowed: set[Any]) -> str:
    return " or ".join(sorted(one if isinstance(one, str) else one.__name__ for one in allowed))


def _show(value: Any) -> str:
    return json.dumps(value)[:60]
