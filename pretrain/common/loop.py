"""The training loop of the embedded models: AdamW, a cosine schedule, checkpoints, gradients averaged over processes.

It is not `atelier.training.loop`: that one counts epochs of a dataset and chooses the best one by validation; here a
loss function draws its own batch for each step, the learning rate ends at a floor, and the weights in `models/base`
were made with these draws.
"""

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from tqdm import tqdm

from atelier.common.checkpoints import CheckpointStore, open_store

Loss = Callable[[int], tuple[torch.Tensor, dict[str, float]]]  # step → loss, values to print
Parts = Mapping[str, nn.Module | torch.optim.Optimizer]


def rank_and_world() -> tuple[int, int]:
    """Return this process's rank and the number of processes (`torchrun` sets WORLD_SIZE)."""
    if not dist.is_initialized() and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        dist.init_process_group("gloo")
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def average_gradients(parameters: list[torch.Tensor], world: int) -> None:
    """Average the gradients over all processes, in place."""
    flat = torch.cat([p.grad.reshape(-1) for p in parameters])
    dist.all_reduce(flat)
    for parameter, part in zip(parameters, flat.div_(world).split([p.numel() for p in parameters]), strict=True):
        parameter.grad.copy_(part.view_as(parameter))


@torch.no_grad()
def update_average(average: nn.Module, module: nn.Module, step: int, decay: float = 0.999) -> None:
    """Move an exponential moving average towards the module's weights; the decay grows to 0.999 in the first steps."""
    keep = min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(module.parameters()), 1 - keep)


def cosine(step: int, steps: int, warmup: float = 0.02, floor: float = 0.02) -> float:
    """Return the learning rate's factor: linear warm-up, then half a cosine down to `floor`."""
    start = max(1, int(steps * warmup))
    if step < start:
        return (step + 1) / start
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (step - start) / max(1, steps - start)))


def _open_store(name: str, settings: Mapping[str, object]) -> CheckpointStore:
    """Open the checkpoints of the run that its settings and the code of the pretraining identify."""
    text = json.loads(json.dumps(settings, default=str))
    return open_store({"stage": f"pretrain {name}", "settings": text}, code=(), scripts=[Path(__file__).parents[1]])


def _load(store: CheckpointStore, parts: Parts) -> int:
    """Load the newest checkpoint, if any, into every part; return the number of steps taken."""
    found = store.load()
    if found is None:
        return 0
    tensors, facts = found
    for name, part in parts.items():
        own = {key.removeprefix(f"{name}/"): one for key, one in tensors.items() if key.startswith(f"{name}/")}
        if isinstance(part, torch.optim.Optimizer):
            state: dict[int, dict[str, torch.Tensor]] = {}
            for key, tensor in own.items():
                number, _, moment = key.partition("/")
                state.setdefault(int(number), {})[moment] = tensor
            own = {"state": state, "param_groups": part.state_dict()["param_groups"]}
        part.load_state_dict(own)
    return facts["step"]


def _save(store: CheckpointStore, parts: Parts, step: int) -> None:
    tensors = {}
    for name, part in parts.items():
        state = part.state_dict()
        if isinstance(part, torch.optim.Optimizer):
            state = {f"{number}/{key}": one for number, own in state["state"].items() for key, one in own.items()}
        tensors |= {f"{name}/{key}": tensor for key, tensor in state.items()}
    store.save(step, tensors, {})


@contextmanager
def fit(
    name: str,
    module: nn.Module,
    groups: list[dict],
    loss_of: Loss,
    *,
    steps: int,
    weight_decay: float = 0.01,
    average: nn.Module | None = None,
    every: int = 500,
    settings: Mapping[str, object],
) -> Iterator[None]:
    """Train `module` for `steps` steps of AdamW; `loss_of(step)` draws its own batch.

    All randomness is a function of the step, and a checkpoint is saved every `every` steps: the same command resumes
    where it was interrupted; other `settings` start from scratch. `average`, a copy of `module`, ends as its
    exponential moving average. The block under `with fit(…):` saves the result; the checkpoints are removed after it.
    """
    optimizer = torch.optim.AdamW(groups, weight_decay=weight_decay, betas=(0.9, 0.99))
    peaks = [group["lr"] for group in optimizer.param_groups]
    parts = {"module": module, "optimizer": optimizer} | ({} if average is None else {"average": average})
    store = _open_store(name, {"steps": steps, **settings})
    parameters = [p for group in groups for p in group["params"]]
    rank, world = rank_and_world()
    with store.owned() if rank == 0 else nullcontext():
        start = _load(store, parts)
        began = time.monotonic()
        for step in tqdm(range(start, steps), initial=start, total=steps, desc=name, disable=None):
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * cosine(step, steps)
            torch.manual_seed(step * world + rank)
            loss, extra = loss_of(step)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if world > 1:
                average_gradients(parameters, world)
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            if average is not None:
                update_average(average, module, step)
            if rank == 0 and (step + 1) % 100 == 0:
                rate = (step + 1 - start) / (time.monotonic() - began)
                shown = " ".join(f"{key} {value:.4f}" for key, value in extra.items())
                print(f"{name} {step + 1}/{steps} loss {loss.item():.5f} {shown} {rate:.2f} steps/s", flush=True)
            if rank == 0 and ((step + 1) % every == 0 or step + 1 == steps):
                _save(store, parts, step + 1)
        yield
