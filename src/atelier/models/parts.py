"""Load networks and tokenizers through transformers and diffusers, and check that what was loaded is whole.

The libraries give a layer that the weights lack random values, and a tokenizer without vocabulary no words.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from atelier.common.errors import UserError
from atelier.models.check import check_folder, check_pipeline, find_folder, opening, read_object
from atelier.models.config_check import check_diffusers_config, check_transformers_config

PROBES = ("make the shirt red", "a blue dress")  # a tokenizer must tell them apart
_UNUSUAL = "é ☃ 1"  # raises where the vocabulary lacks it and has no token for what is unknown
_LEAST = 10  # tokens of a vocabulary
_DERIVED = ("position_ids", "num_batches_tracked")  # buffers that old checkpoints hold or lack, and no result rests on


def read_network(kind: type, where: str | Path) -> Module:
    """Load a network of transformers or diffusers from a folder or a hub id, from safetensors only.

    Raises:
        UserError: the weights lack tensors that the network has, hold others, or hold a value that is not finite.
        Exception: the library's own, of any type: use it within `check.opening`.
    """
    network, told = kind.from_pretrained(str(where), use_safetensors=True, output_loading_info=True)
    for problem, name in (("missing", "lack"), ("unexpected", "hold"), ("mismatched", "have another shape of")):
        found = sorted(str(one) for one in told[f"{problem}_keys"] if not str(one).endswith(_DERIVED))
        if found:
            raise UserError(f"{where}: the weights {name} {found[0]} ({len(found)} tensors in all), unlike config.json")
    check_finite(dict(network.named_parameters()) | dict(network.named_buffers()), where)
    return network


def check_finite(tensors: Mapping[str, Tensor], where: str | Path) -> None:
    """Check that no tensor holds a value that is not finite.

    Raises:
        UserError: one does; `where` names the folder or file.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise UserError(f"{where}: the weights hold values that are not finite, in {name}")


def read_tokenizer(kind: type, where: str | Path, network: Module | None = None, *, subfolder: str = "") -> Any:
    """Load a tokenizer from a folder or a hub id, and check it against the text encoder that takes its tokens.

    Raises:
        UserError: its vocabulary is empty, not whole, or larger than the text encoder's, or a special token is missing.
        Exception: the library's own, of any type: use it within `check.opening`.
    """
    tokenizer = kind.from_pretrained(str(where), subfolder=subfolder)
    vocabulary = tokenizer.get_vocab()
    special = {tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.bos_token_id}
    first, second = (tokenizer(text, add_special_tokens=False).input_ids for text in PROBES)
    if len(vocabulary) < _LEAST or first == second or not set(first) - special:
        raise UserError(
            f"{where}: the tokenizer has no vocabulary ({len(vocabulary)} tokens), or it tells no words apart"
        )
    tokenizer(_UNUSUAL)
    if tokenizer.eos_token_id is None or tokenizer.pad_token_id is None:
        raise UserError(f"{where}: the tokenizer has no end or padding token; expected eos_token and pad_token")
    lost = _unmerged(tokenizer)
    if lost:
        raise UserError(f"{where}: the tokenizer's merges are not whole: none gives {lost!r}, which the vocabulary has")
    if network is not None:
        config = getattr(network.config, "text_config", network.config)
        if max(vocabulary.values()) >= config.vocab_size:
            told = f"{max(vocabulary.values()) + 1} tokens; the text encoder has {config.vocab_size}"
            raise UserError(f"{where}: the tokenizer has {told}: they do not belong together")
        if config.model_type == "clip_text_model" and config.eos_token_id not in (2, tokenizer.eos_token_id):
            told = f"{tokenizer.eos_token_id}; the text encoder's is {config.eos_token_id}"  # 2: the largest id is it
            raise UserError(f"{where}: the tokenizer's end token is {told}: they do not belong together")
    return tokenizer


def _unmerged(tokenizer: Any) -> str | None:
    """Return a token that byte-pair merges should give and do not; None if all are given, or it has no merges."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return None
    model = json.loads(backend.to_str())["model"]
    if model.get("type") != "BPE":
        return None
    ends = model.get("end_of_word_suffix") or ""
    given = {"".join(pair if isinstance(pair, list) else pair.split(" ", 1)) for pair in model["merges"]}
    special = set(tokenizer.get_added_vocab()) | set(tokenizer.all_special_tokens)
    tokens = (token for token in model["vocab"] if token not in given and token not in special)
    return next((token for token in tokens if len(token.removesuffix(ends) if ends else token) > 1), None)


def read_folder(kind: type, where: str | Path, role: str) -> Module:
    """Load the network of a folder or hub id, `role` `clip` or `segmenter`; a folder's files are checked first.

    Raises:
        UserError: a file is missing or damaged.
        Exception: the library's own, of any type: use it within `check.opening`.
    """
    folder = find_folder(where)
    if folder is not None:
        check_folder(folder, role)
        check_config(folder / "config.json", kind)
    return read_network(kind, where)


def read_parts(folder: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """Load the named parts of a diffusers pipeline; text encoders before their tokenizers.

    Raises:
        UserError: a part is missing, damaged or does not belong to the others.
        Exception: the library's own, of any type: use it within `check.opening`.
    """
    import diffusers
    import transformers

    classes, parts = check_pipeline(folder, names), {}
    for name in sorted(names, key=lambda name: name.startswith("tokenizer")):
        kind = getattr(diffusers, classes[name], None) or getattr(transformers, classes[name])
        with opening(f"{folder / name}"):
            if name.startswith("tokenizer"):
                encoder = parts[name.replace("tokenizer", "text_encoder")]
                parts[name] = read_tokenizer(kind, folder / name, encoder)
            elif name == "scheduler":
                check_config(folder / name / "scheduler_config.json", kind)
                parts[name] = kind.from_pretrained(str(folder / name))
            else:
                check_config(folder / name / "config.json", kind)
                parts[name] = read_network(kind, folder / name)
    return parts


def check_config(path: Path, kind: type) -> None:
    """Check a configuration against the class of diffusers or transformers that is to be built from it.

    Raises:
        UserError: it is missing or damaged, lacks a key, or has a value of another type.
    """
    config = read_object(path)
    if not hasattr(kind, "config_class"):
        return check_diffusers_config(path, config, kind)
    check_transformers_config(path, config, kind.config_class.model_type)
    with opening(f"{path}"):
        kind.config_class.from_pretrained(str(path.parent))  # checks the values' types
    return None
