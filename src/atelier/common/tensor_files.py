"""Tensor files (safetensors) that hold finite values only."""

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from atelier.common.errors import UserError


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None, finite: bool = True
) -> None:
    """Write tensors as safetensors, contiguous and each with memory of its own; call it under `atomic_write`.

    Args:
        finite: whether NaN and infinity are refused, as in weights.

    Raises:
        UserError: a tensor is not finite.
        OSError: the file system refuses.
    """
    own: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in tensors.items():
        if finite and not is_finite(tensor):
            raise UserError(f"{path.name}: {name} is not finite; nothing is written")
        place = tensor.untyped_storage().data_ptr()
        own[name] = tensor.clone() if place in taken else tensor.contiguous()
        taken.add(place)
    try:
        save_file(own, path, None if metadata is None else dict(metadata))
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        code = int(number[1]) if number else errno.EIO
        raise OSError(code, os.strerror(code), str(path)) from None


def is_finite(tensor: Tensor) -> bool:
    """Whether all elements are finite; integers are."""
    return not tensor.is_floating_point() or bool(tensor.isfinite().all())


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file to the CPU.

    Raises:
        UserError: the file is missing or damaged, or a tensor is not finite.
    """
    try:
        tensors = load_file(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except SafetensorError as error:
        raise UserError(f"{path}: damaged, not a complete safetensors file ({error})") from None
    for name, tensor in tensors.items():
        if not is_finite(tensor):
            raise UserError(f"{path}: damaged: {name} is not finite")
    return tensors


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read a safetensors file as arrays.

    Raises:
        UserError: as `read_tensors`.
    """
    return {name: tensor.numpy() for name, tensor in read_tensors(path).items()}
