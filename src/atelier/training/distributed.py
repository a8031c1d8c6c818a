"""Several processes that train one model: `accelerate` starts, wraps and connects them.

Every process draws the same samples of a step from (seed, step) and takes its part of them, so that the number of
processes changes nothing but rounding. How a model is distributed is what `accelerate config` or the launcher's flags
say; precision is not: it follows from `models.dtype`. DeepSpeed is refused: only its own pickled checkpoints restore
its optimizer state, and ours are named tensors that can be read without unpickling.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from atelier.common.errors import UserError
from atelier.common.launcher import follow_launcher
from atelier.models.loading import choose_device

if TYPE_CHECKING:
    from accelerate import Accelerator

_TIMEOUT = timedelta(hours=1)  # a process may wait this long for another: rank 0 also writes checkpoints


@dataclass(frozen=True)
class MicroBatch:
    """What one process takes of a step's samples in one forward and backward pass."""

    rows: Tensor  # positions in the step's batch, int64, at least one
    weight: float  # share of the step's samples; 0 where the process only keeps in step with the others


def micro_batches(samples: int, passes: int, rank: int = 0, world_size: int = 1) -> list[MicroBatch]:
    """Return the part of a step's samples that a process takes, in at most `passes` passes.

    All processes get the same number of passes; one without samples left takes the first with weight 0.
    """
    pieces = torch.arange(samples).tensor_split(passes * world_size)  # the larger pieces come first
    found = []
    for number in range(passes):
        first, own = pieces[number * world_size], pieces[number * world_size + rank]
        if len(own):
            found.append(MicroBatch(own, len(own) / samples))
        elif len(first):
            found.append(MicroBatch(first[:1], 0.0))
    return found


def make_accelerator(device: str | torch.device) -> "Accelerator":
    """Connect this process with those that a launcher started beside it, if any; end it when the launcher ends.

    Args:
        device: `models.device`; on several GPUs each process takes its own.

    Raises:
        UserError: a launcher was asked for several processes and started one, for FSDP of version 1, or for DeepSpeed.
    """
    if "LOCAL_RANK" not in os.environ and {"ACCELERATE_DYNAMO_BACKEND", "MASTER_ADDR"} <= os.environ.keys():
        raise UserError("accelerate launch: started one process instead of several (no GPUs); add --multi_gpu")
    if _asked("ACCELERATE_USE_DEEPSPEED"):
        raise UserError("train.launcher: DeepSpeed is not supported; use --use_fsdp --fsdp_version 2")
    if _asked("ACCELERATE_USE_FSDP") and os.environ.get("FSDP_VERSION") != "2":
        raise UserError("train.launcher: only version 2 of FSDP is supported; add --fsdp_version 2")
    follow_launcher()
    from accelerate import Accelerator
    from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs

    return Accelerator(
        cpu=choose_device(str(device)).type == "cpu",
        mixed_precision="no",  # `models.base.autocast` follows models.dtype
        kwargs_handlers=[
            DistributedDataParallelKwargs(gradient_as_bucket_view=True),
            InitProcessGroupKwargs(timeout=_TIMEOUT),
        ],
    )


@contextmanager
def join(device: str) -> Iterator["Accelerator"]:
    """Make the accelerator of this run, and leave the process group after success.

    After an error the group is not left: that would wait for the other processes, which are to end as well.
    """
    accelerator = make_accelerator(device)
    yield accelerator
    accelerator.end_training()


def is_sharded(accelerator: "Accelerator") -> bool:
    """Tell whether parameters are sharded over the processes."""
    return accelerator.is_fsdp2


def gather(accelerator: "Accelerator", tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return full tensors on the main process (on its CPU where they were sharded), and none on the others."""
    found = {}
    for name, tensor in tensors.items():  # one at a time: all of them may not fit on a device
        value = full_tensor(tensor)
        if accelerator.is_main_process:
            found[name] = value.cpu() if is_sharded(accelerator) else value
    return found


def full_tensor(tensor: Tensor) -> Tensor:
    """Return all of a tensor that may be sharded. Collective: every process must call it."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def local_part(tensor: Tensor) -> Tensor:
    """Return this process's shard of a tensor that may be sharded; the same memory."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor


def shard_like(tensor: Tensor, example: Tensor) -> Tensor:
    """Move a full tensor to the example's device, and shard it as the example is."""
    tensor = tensor.to(example.device)
    if not hasattr(example, "placements"):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor, example.device_mesh, example.placements)


def _asked(variable: str) -> bool:
    return os.environ.get(variable, "").lower() == "true"
