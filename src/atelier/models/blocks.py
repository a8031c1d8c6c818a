"""What each block set names, in parameters and as a share of the UNet: the table behind `atelier blocks`.

Nothing is loaded: the UNet is built on torch's meta device, where parameters have shapes but no values.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from atelier.common.errors import UserError
from atelier.training.edit import block_sets

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel

# The public editor (timbrooks/instruct-pix2pix): Stable Diffusion 1.5 with the source's 4 channels beside the noisy 4.
_FULL_SIZE = {
    "sample_size": 64,
    "in_channels": 8,
    "out_channels": 4,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}


def build_full_size() -> "UNet2DConditionModel":
    """The full-size UNet, without values."""
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        return UNet2DConditionModel(**_FULL_SIZE)


def build_layout(base: Path) -> "UNet2DConditionModel":
    """The UNet of an editor's folder, without values.

    Raises:
        UserError: there is no editor in the folder.
    """
    from diffusers import UNet2DConditionModel

    config = Path(base) / "unet" / "config.json"
    if not config.is_file():
        raise UserError(f"{base}: no editor there (no {config}); give its folder, or use --full-size")
    with torch.device("meta"):
        return UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(config))


def table(base: Path | None) -> str:
    """One line per block set: its name, its parameters and their share of the whole UNet.

    Args:
        base: an editor's folder, or None for the full-size layout.
    """
    unet = build_full_size() if base is None else build_layout(base)
    whole = block_sets.count(unet)
    rows = [(name, block_sets.count(unet, block_sets.select(unet, name))) for name in block_sets.BLOCK_SETS]
    lines = [f"{'set':<14}{'parameters':>15}{'share':>10}"]
    lines += [f"{name:<14}{parameters:>15,}{parameters / whole:>10.2%}" for name, parameters in rows]
    return "\n".join(lines)
