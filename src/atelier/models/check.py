"""Check the files of a model folder before a library opens it.

Libraries fill in what a folder lacks without a word (transformers an empty tokenizer, diffusers a scheduler's defaults)
or fail with exceptions of any type. Here every fault is one line that names folder and file, and says what is expected.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from atelier.common.errors import UserError
from atelier.common.files import open_plain, read_plain_text

CONFIG_BYTES = 2**22  # of a configuration; the public ones have a few kilobytes
TABLE_BYTES = 2**26  # of a vocabulary, or of the index of a checkpoint in several files
_TOKENIZERS = ("CLIPTokenizer", "CLIPTokenizerFast", "T5Tokenizer", "T5TokenizerFast")
_PARTS = {  # of a pipeline: the classes that are expected, by the file that configures them
    "unet": ("config.json", ("UNet2DConditionModel",)),
    "transformer": ("config.json", ("SD3Transformer2DModel",)),
    "vae": ("config.json", ("AutoencoderKL",)),
    "text_encoder": ("config.json", ("CLIPTextModel", "CLIPTextModelWithProjection")),
    "text_encoder_2": ("config.json", ("CLIPTextModelWithProjection",)),
    "text_encoder_3": ("config.json", ("T5EncoderModel",)),
    "tokenizer": ("tokenizer_config.json", _TOKENIZERS),
    "tokenizer_2": ("tokenizer_config.json", _TOKENIZERS),
    "tokenizer_3": ("tokenizer_config.json", _TOKENIZERS),
    "scheduler": ("scheduler_config.json", ()),  # any of diffusers' schedulers
}
_LEAST_TOKENS = 3  # of a text that a tokenizer takes: start, one token, end
_HUB_ID = re.compile(r"\w[\w.-]{0,95}/\w[\w.-]{0,95}")
_VOCABULARIES = (("tokenizer.json",), ("vocab.json", "merges.txt"), ("spiece.model",))  # one of them is needed


@contextmanager
def opening(problem: str) -> Iterator[None]:
    """Turn every exception of the block into a `UserError` of one line: `problem`, then the reason.

    Raises:
        UserError: the block raised an exception.
    """
    try:
        yield
    except UserError as error:
        raise UserError(str(error) if str(error).startswith(problem) else f"{problem}: {error}") from None
    # What a damaged file leads to inside transformers, diffusers, safetensors and torch has any type (KeyError,
    # TypeError, AssertionError, ZeroDivisionError, RuntimeError, SafetensorError, RecursionError, …): no list is whole.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{problem}: {reason or type(error).__name__}") from None


def find_folder(where: str | Path) -> Path | None:
    """Return the folder that `where` names; None if there is none and it can be a hub id (`owner/name`).

    Raises:
        UserError: there is no such folder, and it is no hub id or its first part exists here.
    """
    path = Path(where)
    try:
        if path.is_dir():
            return path
        if _HUB_ID.fullmatch(str(where)) and not Path(path.parts[0]).exists():
            return None
    except (OSError, ValueError) as error:  # a name that is too long or has NUL
        raise UserError(f"{getattr(error, 'strerror', None) or error}; expected a folder or a hub id") from None
    raise UserError("no such folder; expected a folder, or a hub id (owner/name)")


def read_object(path: Path, limit: int = CONFIG_BYTES) -> dict[str, Any]:
    """Read a JSON file whose value is an object.

    Raises:
        UserError: there is no such plain file, it is larger than `limit` bytes, or not a JSON object of finite numbers.
    """
    _need(path)
    try:
        value = json.loads(read_plain_text(path, limit), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path}: not JSON ({' '.join(str(error).split())[:100]}); expected an object") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: JSON of type {type(value).__name__}; expected an object")
    return value


def _need(path: Path, remark: str = "") -> None:
    if not path.exists():
        raise UserError(f"{path.parent}: {path.name} is missing{remark}")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def check_pipeline(folder: Path, parts: tuple[str, ...]) -> dict[str, str]:
    """Check the files of a diffusers pipeline; return the classes of `parts`, which it must have.

    Raises:
        UserError: a part is missing or damaged, or of a class that is not expected.
    """
    index, found = read_object(folder / "model_index.json"), {}
    for name in parts:
        file, expected = _PARTS[name]
        match index.get(name):
            case [str(), str(kind)] if kind in expected or (not expected and kind.endswith("Scheduler")):
                found[name] = kind
            case other:
                wanted = " or ".join(expected) or "a scheduler of diffusers"
                told = json.dumps(other)[:60]
                raise UserError(f"{folder}/model_index.json: {name!r} is {told}; expected {wanted} and its library")
        part = folder / name
        if not part.is_dir():
            raise UserError(f"{folder}: the folder {name} is missing; model_index.json names it ({found[name]})")
        read_object(part / file)
        if name.startswith("tokenizer"):
            check_tokenizer_files(part)
        elif name != "scheduler":
            check_weights(part, "model" if name.startswith("text_encoder") else "diffusion_pytorch_model")
    return found


def check_folder(folder: Path, kind: str) -> None:
    """Check the files of a folder with one network: config.json, weights, and what belongs to its kind.

    Args:
        kind: `clip` (with image processor and tokenizer) or `segmenter` (with image processor).

    Raises:
        UserError: a file is missing or damaged.
    """
    read_object(folder / "config.json")
    check_weights(folder, "model")
    _check_image_processor(folder / "preprocessor_config.json")
    if kind == "clip":
        check_tokenizer_files(folder)


def check_weights(folder: Path, stem: str) -> None:
    """Check the headers of `stem`.safetensors, or of the files that `stem`.safetensors.index.json names.

    Raises:
        UserError: a file is missing, or cut off or damaged in its header.
    """
    whole, index = folder / f"{stem}.safetensors", folder / f"{stem}.safetensors.index.json"
    if whole.exists() or not index.exists():
        return check_tensors(whole)
    places = read_object(index, TABLE_BYTES).get("weight_map")
    if not isinstance(places, Mapping) or not places or not all(isinstance(one, str) for one in places.values()):
        raise UserError(f"{index}: no weight_map; expected the name of a file for each tensor")
    for name in sorted(set(places.values())):
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise UserError(f"{index}: names the file {name[:60]!r}; expected a .safetensors file beside it")
        check_tensors(folder / name, {tensor for tensor, file in places.items() if file == name})
    return None


def check_tensors(path: Path, names: set[str] = frozenset()) -> None:
    """Check the header of a safetensors file against the file's length, and that it holds the named tensors.

    Raises:
        UserError: there is no such plain file, it is damaged, or lacks a tensor.
    """
    _need(path, " (weights are read from safetensors only)")
    open_plain(path).close()
    try:
        with safe_open(path, "pt") as tensors:
            missing = names - set(tensors.keys())
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path}: damaged or no safetensors file ({' '.join(str(error).split())[:100]})") from None
    if missing:
        raise UserError(f"{path}: lacks the tensor {min(missing)!r}, which the index places there")


def check_tokenizer_files(folder: Path) -> None:
    """Check that a tokenizer's vocabulary and configuration are there.

    Raises:
        UserError: a file is missing or damaged.
    """
    config = read_object(folder / "tokenizer_config.json")
    for key in ("model_max_length", "eos_token", "pad_token"):
        if key not in config:
            raise UserError(f"{folder}/tokenizer_config.json: no {key}; expected a tokenizer's configuration")
    length = config["model_max_length"]
    if type(length) not in (int, float) or length < _LEAST_TOKENS:
        told = f"model_max_length is {json.dumps(length)[:60]}; expected a number of tokens"
        raise UserError(f"{folder}/tokenizer_config.json: {told}")
    for files in _VOCABULARIES:
        if (folder / files[0]).exists():
            for file in files:
                _need(folder / file)
                if file.endswith(".json"):
                    read_object(folder / file, TABLE_BYTES)
                else:
                    open_plain(folder / file, TABLE_BYTES).close()
            return
    known = ", ".join("+".join(files) for files in _VOCABULARIES)
    raise UserError(f"{folder}: no tokenizer: its vocabulary is missing; expected one of {known}")


def _check_image_processor(path: Path) -> None:
    config = read_object(path)
    for key, least in (("image_mean", -math.inf), ("image_std", 0)):
        values = config.get(key)
        numbers = isinstance(values, list) and len(values) == 3 and all(type(one) in (int, float) for one in values)
        if not numbers or min(values) <= least:
            wanted = "three numbers" if key == "image_mean" else "three positive numbers"
            raise UserError(f"{path}: {key} is {json.dumps(values)[:60]}; expected {wanted}")
    for key in ("size", "resample", "do_resize", "do_normalize"):
        if config.get(key) is None:
            raise UserError(f"{path}: no {key}; expected the configuration of an image processor")
    for key in config:
        if key.startswith("do_") and not isinstance(config[key], bool):
            raise UserError(f"{path}: {key} is {json.dumps(config[key])[:60]}; expected true or false")
    if type(config.get("rescale_factor", 1)) not in (int, float):
        raise UserError(f"{path}: rescale_factor is {json.dumps(config['rescale_factor'])[:60]}; expected a number")
