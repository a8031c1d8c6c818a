"""The optimisers of the trained tensors, which are float32 whatever the frozen ones are."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer

from atelier.common.errors import UserError
from atelier.config import Train


def make_optimizer(settings: Train, tensors: Sequence[Tensor]) -> Optimizer:
    """`train.optimizer`: AdamW, or AdamW with both moments kept in 8 bits (Dettmers et al. 2022, bitsandbytes).

    Raises:
        UserError: 8 bits are asked for without CUDA, without bitsandbytes, or of sharded tensors.
    """
    values = {"lr": settings.lr, "weight_decay": settings.weight_decay}
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(tensors, **values, fused=True)
    if tensors[0].device.type != "cuda":
        raise UserError("train.optimizer: adamw8bit needs a CUDA device; adamw runs everywhere")
    if hasattr(tensors[0], "placements"):
        raise UserError("train.optimizer: adamw8bit can't be sharded (--use_fsdp); use adamw")
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError:
        raise UserError(
            "train.optimizer: adamw8bit needs bitsandbytes; install it with pip install -e '.[adamw8bit]'"
        ) from None
    return AdamW8bit(tensors, **values)
