"""Which tensors of the UNet are trained: block sets in the paper's notation (sections 5.3 and 6.2)."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from atelier.common.errors import UserError
from atelier.models.meta import build_full_size, build_layout

if TYPE_CHECKING:
    from torch.nn import Module

# The paper names neither to_q of attn2 nor to_out of attn1: they stay frozen.
_ATTENTION = (r"\.attn2\.(to_k|to_v|to_out)\.", r"\.attn1\.(to_q|to_k|to_v)\.")
_MIDDLE = (r"^mid_block\.",)
_CONVOLUTIONS = r"\.resnets\.\d+\.(conv1|conv2|conv_shortcut)\."  # no norms, no time_emb_proj, no up- or downsampler
_LATE_UP = (r"^up_blocks\.[23]" + _CONVOLUTIONS,)
_EVERY_RESNET = (r"^(down|up)_blocks\.\d+" + _CONVOLUTIONS,)

# Name of a set → patterns of the parameter names in it; `config.Train.unfreeze` lists the same names.
BLOCK_SETS: dict[str, tuple[str, ...]] = {
    "attn": _ATTENTION,
    "attn+mid": _ATTENTION + _MIDDLE,
    "attn+mid+up": _ATTENTION + _MIDDLE + _LATE_UP,
    "attn+mid+res": _ATTENTION + _MIDDLE + _EVERY_RESNET,  # contains attn+mid+up: configuration D, read literally
    "all": ("",),
}


def select(unet: "Module", name: str) -> list[str]:
    """Return the names of the parameters in block set `name`, in the UNet's own order.

    Raises:
        UserError: there is no such set, or it names nothing in this UNet.
    """
    if name not in BLOCK_SETS:
        raise UserError(f"train.unfreeze: {name!r} is not a block set; one of {', '.join(BLOCK_SETS)}")
    wanted = re.compile("|".join(f"(?:{pattern})" for pattern in BLOCK_SETS[name]))
    names = [parameter for parameter, _ in unet.named_parameters() if wanted.search(parameter)]
    if not names:
        raise UserError(f"train.unfreeze: {name!r} names no parameter of this UNet; is it in the SD-1.5 block layout?")
    return names


def count(unet: "Module", names: Iterable[str] | None = None) -> int:
    """Return the number of scalars in the named parameters, or in all of them; works on torch's meta device."""
    chosen = None if names is None else set(names)
    return sum(p.numel() for name, p in unet.named_parameters() if chosen is None or name in chosen)


def table(base: Path | None) -> str:
    """Return one line per block set: its name, its parameters and their share of the whole UNet.

    Args:
        base: an editor's folder, or None for the full-size layout.

    Raises:
        UserError: there is no editor in the folder.
    """
    unet = build_full_size() if base is None else build_layout(base)
    total = count(unet)
    lines = [f"{'set':<14}{'parameters':>15}{'share':>10}"]
    for name in BLOCK_SETS:
        parameters = count(unet, select(unet, name))
        lines.append(f"{name:<14}{parameters:>15,}{parameters / total:>10.2%}")
    return "\n".join(lines)
