"""Low-rank adapters, which the paper dismisses without a number: added to the base's layers, which stay frozen."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from atelier.common.rng import make_generator
from atelier.config import Train
from atelier.models import lora
from atelier.models.instruct_pix2pix import Editor, with_tensors
from atelier.training.edit.trainable import Trainable


def prepare(base: Editor, settings: Train) -> Trainable:
    """Train adapters of rank `train.lora_rank` at the layers `train.lora_targets`; at the start they change nothing.

    Raises:
        UserError: a target names no layer that takes an adapter.
    """
    unet = lora.inject(base.unet, settings.lora_rank, settings.lora_alpha, settings.lora_targets)
    names = lora.names(unet)
    empty = dict(unet.named_parameters())
    values = {name: draw_start(name, empty[name], settings.seed).to(base.device) for name in names}
    facts = {key: getattr(settings, key) for key in ("lora_rank", "lora_alpha", "lora_targets")}
    return Trainable(with_tensors(replace(base, unet=unet), values), names, facts)


# A ~ U(−1/√n, 1/√n), n inputs of the layer      B = 0      (peft's own start, drawn from our seed)
def draw_start(name: str, like: Tensor, seed: int) -> Tensor:
    """First values of an adapter's matrix, float32 on the CPU: together they change nothing."""
    values = torch.zeros(like.shape)
    if ".lora_A." in name:
        torch.nn.init.kaiming_uniform_(values, a=math.sqrt(5), generator=make_generator(seed, "adapter", name))
    return values
