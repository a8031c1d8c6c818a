"""A digest of what a computation starts from: data, networks, settings and functions, whatever they are nested in."""

import dataclasses
import hashlib
import json
import types
from collections.abc import Iterator, Mapping
from functools import partial, singledispatch
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor
from torch.nn import Module

from atelier.common.files import digest

SKIPPED = {"fingerprint": False}  # metadata of a dataclass's field that the result does not depend on


def fingerprint(value: Any) -> str:
    """Return the SHA-256 (hex) of a value's content; equal in every process and on every machine.

    Raises:
        TypeError: the value holds an object of an unknown type.
    """
    total = hashlib.sha256()
    for part in _parts(value):
        total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()


@singledispatch
def _parts(value: Any) -> Iterator[bytes]:
    """Yield a value's content as bytes; each type begins with its name."""
    if dataclasses.is_dataclass(value):
        own = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if _counts(field)}
        yield from _named(value, own)
    elif hasattr(value, "get_vocab"):  # a tokenizer
        yield from _named(value, {"vocab": value.get_vocab(), "length": value.model_max_length})
    elif hasattr(value, "config_name") and isinstance(value.config, Mapping):  # a scheduler of diffusers
        yield from _named(value, {name: one for name, one in value.config.items() if not name.startswith("_")})
    else:
        raise TypeError(f"no fingerprint of a {type(value).__module__}.{type(value).__qualname__}")


def _counts(field: dataclasses.Field) -> bool:
    return field.metadata.get("fingerprint", True)


def _named(value: Any, content: Any) -> Iterator[bytes]:
    yield type(value).__qualname__.encode()
    yield from _parts(content)


@_parts.register(type(None))
@_parts.register(bool)
@_parts.register(int)
@_parts.register(float)
@_parts.register(str)
@_parts.register(Path)
@_parts.register(torch.dtype)
@_parts.register(torch.device)
def _(value: Any) -> Iterator[bytes]:
    yield f"{type(value).__name__} {value!r}".encode(errors="surrogatepass")


@_parts.register
def _(value: bytes) -> Iterator[bytes]:
    yield b"bytes"
    yield value


@_parts.register
def _(value: Tensor) -> Iterator[bytes]:
    yield f"tensor {value.dtype} {tuple(value.shape)}".encode()
    yield value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


@_parts.register
def _(value: np.ndarray) -> Iterator[bytes]:
    yield f"array {value.dtype} {value.shape}".encode()
    yield value.tobytes()


@_parts.register
def _(value: Module) -> Iterator[bytes]:
    """A network's tensors, and the configurations that it and its parts were built from."""
    yield from _named(value, value.state_dict())
    for part in value.modules():
        config = getattr(part, "config", {})
        facts = config.to_dict() if hasattr(config, "to_dict") else dict(config)
        own = {name: one for name, one in facts.items() if not name.startswith("_") and "version" not in name}
        yield json.dumps(own, sort_keys=True, default=str).encode()


@_parts.register
def _(value: BaseModel) -> Iterator[bytes]:
    yield from _named(value, value.model_dump())


@_parts.register(Mapping)
def _(value: Mapping) -> Iterator[bytes]:
    yield f"mapping {len(value)}".encode()
    for key in sorted(value, key=str):
        yield from _parts(key)
        yield from _parts(value[key])


@_parts.register(tuple)
@_parts.register(list)
@_parts.register(range)
def _(value: Any) -> Iterator[bytes]:
    yield f"sequence {len(value)}".encode()
    for one in value:
        yield from _parts(one)


@_parts.register
def _(value: partial) -> Iterator[bytes]:
    yield from _named(value, [value.func, value.args, value.keywords])


@_parts.register
def _(value: types.FunctionType) -> Iterator[bytes]:
    """A function's name, the values it closes over, and the code of its file and those beside it."""
    yield f"function {value.__module__}.{value.__qualname__}".encode()
    file = Path(value.__code__.co_filename)
    if file.is_file():
        yield "".join(digest(one) for one in sorted(file.parent.glob("*.py"))).encode()
    else:  # typed at a prompt or in a notebook
        yield value.__code__.co_code + repr(value.__code__.co_names).encode()
    yield from _parts([cell.cell_contents for cell in value.__closure__ or ()])
    yield from _parts([value.__defaults__, value.__kwdefaults__])
