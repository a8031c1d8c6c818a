"""Several processes that train one editor: started by `accelerate launch` or torchrun, on one machine or several.

Every process draws the same samples of a step from (seed, step) and takes its share, so that their number changes
nothing but rounding. Gradients are averaged by DDP; under `accelerate launch --use_fsdp` the UNet, its gradients,
moments and average are sharded (torch's `fully_shard`). The settings of accelerate's own plugins are not read: what is
sharded and in which precision follows from the parameters of the study.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor
from torch.nn import Module

from atelier.common.errors import UserError
from atelier.models.instruct_pix2pix import choose_device

_PATIENCE = timedelta(hours=1)  # a process may wait this long for another (the main one writes checkpoints meanwhile)


@dataclass(frozen=True)
class MicroBatch:
    """What one process sees of a step's samples in one pass."""

    rows: Tensor  # their numbers in the step, int64, at least one
    weight: float  # their part of the step's samples; 0 where the process only keeps step with others


@dataclass(frozen=True)
class Team:
    """The processes of this run, as one of them sees it; alone by default."""

    rank: int = 0
    size: int = 1
    sharded: bool = False
    device: torch.device | str = "cpu"  # what they exchange tensors on

    @property
    def is_main(self) -> bool:
        """Whether this process writes files, logs and shows progress."""
        return self.rank == 0

    def shares(self, samples: int, passes: int) -> list[MicroBatch]:
        """Which of a step's samples this process takes, in at most so many passes.

        All processes get the same number of passes: one for whom none is left takes a sample with weight 0.
        """
        pieces = torch.arange(samples).tensor_split(passes * self.size)  # the larger pieces come first
        found = []
        for number in range(passes):
            first, own = pieces[number * self.size], pieces[number * self.size + self.rank]
            if len(own):
                found.append(MicroBatch(own, len(own) / samples))
            elif len(first):
                found.append(MicroBatch(first[:1], 0.0))
        return found

    def wrap(self, unet: Module, blocks: Sequence[Module]) -> Module:
        """The UNet to be called in training, so that gradients are averaged over the processes.

        Alone it is the UNet itself. Sharded, it is too, and its parameters become DTensors in place.
        """
        if self.sharded:
            from torch.distributed.device_mesh import init_device_mesh
            from torch.distributed.fsdp import fully_shard

            mesh = init_device_mesh(torch.device(self.device).type, (self.size,))
            for part in (*blocks, unet):
                fully_shard(part, mesh=mesh)
            return unet
        if self.size == 1:
            return unet
        return torch.nn.parallel.DistributedDataParallel(unet, gradient_as_bucket_view=True)

    def hold(self, wrapped: Module) -> AbstractContextManager[None]:
        """While this lasts, gradients add up in each process without being averaged."""
        if self.sharded:
            return _without_sync(wrapped)
        return nullcontext() if self.size == 1 else wrapped.no_sync()

    def add(self, tensor: Tensor) -> Tensor:
        """Sum over the processes, the same in each to the bit."""
        if self.size > 1:
            tensor = tensor.clone()
            torch.distributed.all_reduce(tensor)
        return tensor

    def collect(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Whole tensors from their shards, on the main process (sharded: on its CPU); nothing on the others."""
        found = {}
        for name, tensor in tensors.items():  # one at a time: all of them may not fit on a device
            value = full_tensor(tensor)
            if self.is_main:
                found[name] = value.cpu() if self.sharded else value
        return found

    def spread(self, value: float) -> float:
        """The main process's number, in all of them."""
        own = value if self.is_main else 0.0
        return value if self.size == 1 else float(self.add(torch.tensor(own, dtype=torch.float64, device=self.device)))


ALONE = Team()


@contextmanager
def join(device: str) -> Iterator[Team]:
    """Join the processes that a launcher started with this one; without a launcher there is only this one.

    Args:
        device: `models.device`; of several GPUs each process takes its own.

    Raises:
        UserError: a launcher was asked for several processes and started one.
    """
    if "LOCAL_RANK" not in os.environ:
        if "ACCELERATE_DYNAMO_BACKEND" in os.environ and "MASTER_ADDR" in os.environ:
            raise UserError(
                "accelerate launch: started one of the processes asked for, as it does without GPUs; add --multi_gpu"
            )
        yield ALONE
        return
    from accelerate import PartialState

    state = PartialState(cpu=choose_device(device).type == "cpu", timeout=_PATIENCE)
    sharded = os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"
    yield Team(state.process_index, state.num_processes, sharded, state.device)
    state.destroy_process_group()  # not after an error: that would wait for the others, who are to end as well


def full_tensor(tensor: Tensor) -> Tensor:
    """The whole of a tensor that may be sharded; every process must ask at the same time."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def own_part(tensor: Tensor) -> Tensor:
    """This process's part of a tensor that may be sharded; the same memory."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor


def placed_like(tensor: Tensor, example: Tensor) -> Tensor:
    """A whole tensor on the example's device, sharded as the example is."""
    tensor = tensor.to(example.device)
    if not hasattr(example, "placements"):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor, example.device_mesh, example.placements)


@contextmanager
def _without_sync(wrapped: Module) -> Iterator[None]:
    wrapped.set_requires_gradient_sync(False)
    try:
        yield
    finally:
        wrapped.set_requires_gradient_sync(True)
