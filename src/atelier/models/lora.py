"""Low-rank adapters on a network's layers (LoRA, Hu et al. 2022), through peft: y = W x + s · (α / r) · B A x.

Saved tensors have the names that peft and diffusers use, `….to_q.lora_A.weight`; in the adapted network's parameter
names peft's name of the adapter is inserted, `….to_q.lora_A.default.weight`.
"""

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from atelier.common.errors import UserError
from atelier.common.rng import make_generator
from atelier.models.base import Model, share, with_tensors

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

_NAME = "default"  # peft's own name of an adapter that is given none
_MATRIX = re.compile(r"\.lora_[AB]\.")


def split_targets(targets: str) -> list[str]:
    """`to_q+to_out.0` → ["to_q", "to_out.0"], each the end of a layer's name."""
    return [target.strip() for target in targets.split("+")]


def inject(network: "Module", rank: int, alpha: float, targets: str) -> "Module":
    """Return a network with adapters at every layer whose name ends in one of `targets`; other parameters are shared.

    The adapters' own parameters are frozen, float32 and on torch's meta device, so that no RNG state is consumed: load
    their values with `load_state_dict(…, assign=True)`.

    Raises:
        UserError: a target is the end of no layer's name, or of a layer that is neither linear nor a convolution.
    """
    from peft import LoraConfig, inject_adapter_in_model
    from torch.nn import Conv2d, Linear

    layers = dict(network.named_modules())
    wanted = split_targets(targets)
    for target in wanted:
        found = [layer for name, layer in layers.items() if target and f".{name}".endswith(f".{target}")]
        if not found or not all(isinstance(layer, Linear | Conv2d) for layer in found):
            some = ", ".join(_endings(layers))
            raise UserError(f"train.lora_targets: {target!r} names no layer that takes an adapter; such are {some}")
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=wanted)
    adapted = inject_adapter_in_model(config, share(network), adapter_name=_NAME, low_cpu_mem_usage=True)
    own = dict(adapted.named_parameters())
    for name in names(adapted):
        own[name].requires_grad_(False)
    return adapted


def names(network: "Module") -> dict[str, str]:
    """Map the name of each adapter parameter of an adapted network to the name that it is saved under."""
    return {name: name.replace(f".{_NAME}.", ".") for name, _ in network.named_parameters() if _MATRIX.search(name)}


# A ~ U(−1/√n, 1/√n), n inputs of the layer      B = 0      (peft's initialisation, drawn from our seed)
def initial_values(network: "Module", seed: int, prefix: str = "") -> dict[str, "Tensor"]:
    """Draw the adapters' first values, float32 on the CPU, by `prefix` and name: the prediction does not change."""
    values = {}
    for name, parameter in network.named_parameters():
        if _MATRIX.search(name):
            values[prefix + name] = torch.zeros(parameter.shape)
            if ".lora_A." in name:
                generator = make_generator(seed, "adapter", prefix + name)
                torch.nn.init.kaiming_uniform_(values[prefix + name], a=math.sqrt(5), generator=generator)
    return values


def scale_adapters(model: Model, scale: float) -> Model:
    """Return the model with all adapters at s = `scale` times their strength, any real number.

    1 gives the model itself and 0 its base, bit for bit; all tensors but B are shared with the given model.

    Raises:
        ValueError: the model has no adapters.
    """
    own = dict(model.network.named_parameters())
    changed = {name: own[name].detach() * scale for name in names(model.network) if ".lora_B." in name}
    if not changed:
        raise ValueError("the model has no adapters to scale")
    return with_tensors(model, changed)


def _endings(layers: dict[str, "Module"]) -> Sequence[str]:
    """Name targets that would do: the ends of the attention layers' names."""
    ends = {re.sub(r"^.*\.attn[12]\.", "", name) for name in layers if re.search(r"\.attn[12]\.\w+(\.0)?$", name)}
    return sorted(ends - {"to_out"})
