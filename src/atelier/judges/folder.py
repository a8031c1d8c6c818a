"""The folder of a judge: config.json describes the network, model.safetensors holds its weights.

Convolutions are stored in half precision, their biases in float32: these are few, and rounding them costs the most.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from atelier.common.errors import UserError
from atelier.common.files import atomic_write, write_json
from atelier.common.tensor_files import read_tensors, write_tensors
from atelier.models.check import check_tensors, opening, read_object

CONFIG, WEIGHTS = "config.json", "model.safetensors"
MOST_CHANNELS, MOST_LAYERS = 65_536, 64


def read_judge(folder: Path, kind: str, build: Callable[[dict[str, Any]], nn.Module]) -> nn.Module:
    """Load a network that `write_judge` wrote, in float32 on the CPU, for inference.

    Args:
        kind: the class that config.json must name.
        build: makes the network from the other values of config.json; it checks them.

    Raises:
        UserError: a file is missing or damaged, of another class, or the weights are not those of the configuration.
    """
    with opening(f"{folder}: not a network of the class {kind}"):
        config = read_object(folder / CONFIG)
        found = config.pop("class", None)
        if found != kind:
            raise UserError(f"{CONFIG}: class is {json.dumps(found)[:60]}; expected {json.dumps(kind)}")
        check_tensors(folder / WEIGHTS)
        with torch.device("meta"):  # no random initial weights: loading does not consume RNG state
            net = build(config)
        net.load_state_dict(read_tensors(folder / WEIGHTS), assign=True)
    return net.float().eval().requires_grad_(False)


def write_judge(folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write config.json and the weights, biases in float32, others in half; the same values give the same bytes.

    Args:
        config: the network's class under "class", and what `read_judge` builds it from.

    Raises:
        UserError: a weight is not finite, or too large for half precision.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / WEIGHTS) as partial:
        stored = {name: tensor.float() if tensor.ndim == 1 else tensor.half() for name, tensor in tensors.items()}
        write_tensors(partial, stored)
    write_json(folder / CONFIG, config)


def check_count(value: Any, name: str, most: int = MOST_CHANNELS) -> int:
    """Return a value of config.json that must be a whole number from 1 to `most`.

    Raises:
        UserError: it is not.
    """
    if type(value) is not int or not 0 < value <= most:
        raise UserError(f"{CONFIG}: {name} is {json.dumps(value)[:60]}; expected a whole number from 1 to {most}")
    return value
