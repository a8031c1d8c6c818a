"""Low-rank adapters on a UNet's layers (LoRA, Hu et al. 2021), through peft: y = W x + (α / r) · B A x.

A fine-tuned folder names an adapter's tensors as peft and diffusers do, `….to_q.lora_A.weight`; the adapted UNet's own
parameter names hold peft's name of the adapter as well, `….to_q.lora_A.default.weight`.
"""

import copy
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from atelier.common.errors import UserError

if TYPE_CHECKING:
    from torch.nn import Module

_NAME = "default"  # peft's own name of an adapter that is given none
_MATRIX = re.compile(r"\.lora_[AB]\.")


def split_targets(targets: str) -> list[str]:
    """`to_q+to_out.0` → ["to_q", "to_out.0"], each the end of a layer's name."""
    return [target.strip() for target in targets.split("+")]


def inject(unet: "Module", rank: int, alpha: float, targets: str) -> "Module":
    """A UNet with adapters at every layer whose name ends in one of `targets`; it shares all parameters with `unet`.

    The adapters' own parameters are frozen float32 and have no values yet (they are on torch's meta device), so that
    nothing is drawn from anybody's generator: give them values with `load_state_dict(…, assign=True)`.

    Raises:
        UserError: a target is the end of no layer's name, or of a layer that is neither linear nor a convolution.
    """
    from peft import LoraConfig, inject_adapter_in_model
    from torch.nn import Conv2d, Linear

    layers = dict(unet.named_modules())
    wanted = split_targets(targets)
    for target in wanted:
        found = [layer for name, layer in layers.items() if target and f".{name}".endswith(f".{target}")]
        if not found or not all(isinstance(layer, Linear | Conv2d) for layer in found):
            some = ", ".join(_endings(layers))
            raise UserError(f"train.lora_targets: {target!r} names no layer that takes an adapter; such are {some}")
    copied = copy.deepcopy(unet, {id(parameter): parameter for parameter in unet.parameters()})
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=wanted)
    adapted = inject_adapter_in_model(config, copied, adapter_name=_NAME, low_cpu_mem_usage=True)
    own = dict(adapted.named_parameters())
    for name in names(adapted):
        own[name].requires_grad_(False)
    return adapted


def names(unet: "Module") -> dict[str, str]:
    """Name of each adapter parameter of an adapted UNet → the name that it is saved under."""
    return {name: name.replace(f".{_NAME}.", ".") for name, _ in unet.named_parameters() if _MATRIX.search(name)}


def _endings(layers: dict[str, "Module"]) -> Sequence[str]:
    """Some ends of names that would do: those of the attention layers."""
    ends = {re.sub(r"^.*\.attn[12]\.", "", name) for name in layers if re.search(r"\.attn[12]\.\w+(\.0)?$", name)}
    return sorted(ends - {"to_out"})
