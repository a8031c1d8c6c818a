"""Compilation of a network's repeated blocks (`train.compile`)."""

import os
import shutil

import torch
from torch.nn import Module

from atelier.common.errors import UserError

_BLOCKS = ("BasicTransformerBlock", "JointTransformerBlock", "ResnetBlock2D")  # diffusers' classes
_BACKEND = "inductor"
_SHAPES = 64  # of inputs for which a block's code is compiled, before torch gives up and runs it as it is


def compile_blocks(network: Module, device: torch.device) -> int:
    """Let torch compile each repeated block of a network at its first call, in place; return how many there are.

    Blocks with inputs of the same shape share their compiled code, so that this takes a fraction of the time of
    compiling the whole network. Copies of the network (`models.base.share`) are not compiled.

    Raises:
        UserError: there is no such block, or no C++ compiler for the CPU.
    """
    if device.type == "cpu" and not shutil.which(os.environ.get("CXX", "g++")):
        raise UserError("train.compile: needs a C++ compiler (g++) on the CPU; install one, or leave it false")
    blocks = [module for module in network.modules() if type(module).__name__ in _BLOCKS]
    if not blocks:
        raise UserError(f"train.compile: the network has none of the blocks {', '.join(_BLOCKS)}; leave it false")
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, _SHAPES)
    for block in blocks:
        block.compile(backend=_BACKEND, dynamic=False)
    return len(blocks)
