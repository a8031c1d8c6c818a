"""Training state: the trained parameters, their EMA, and the optimizer with its state."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from atelier.common.errors import UserError
from atelier.common.tensor_files import is_finite
from atelier.config import LoopSettings
from atelier.models.base import with_tensors
from atelier.training.compiling import compile_blocks
from atelier.training.distributed import MicroBatch, full_tensor, gather, is_sharded, local_part, shard_like
from atelier.training.task import Task, take

if TYPE_CHECKING:
    from accelerate import Accelerator


# η_i = η · (i + 1) / w      for i < w (warm-up), then      η · ½ (1 + cos π (i − w) / (n − w)), or η where constant
def learning_rate(step: int, total: int, warmup: float, peak: float, schedule: str = "cosine") -> float:
    """Learning rate of step i = `step` of n = `total`; w is the share `warmup` of n, in whole steps."""
    rising = round(total * warmup)
    if schedule == "constant":
        return peak * min(1.0, (step + 1) / max(rising, 1))
    if step < rising:
        return peak * (step + 1) / rising
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(total - rising, 1)))


# d_i = min(d, (1 + i) / (10 + i))
def ema_decay(step: int, decay: float, warmup: bool) -> float:
    """EMA decay at step i = `step` (from 0), as in diffusers' `EMAModel`: a short run's average leaves the base."""
    return min(decay, (1 + step) / (10 + step)) if warmup else decay


def make_optimizer(settings: LoopSettings, tensors: Sequence[Tensor]) -> torch.optim.Optimizer:
    """AdamW, or AdamW with both moments in 8 bits (Dettmers et al. 2022, bitsandbytes), as `train.optimizer` says.

    Raises:
        UserError: 8 bits are asked for without CUDA or without bitsandbytes.
    """
    values = {"lr": settings.lr, "weight_decay": settings.weight_decay}
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(tensors, **values, fused=True)
    if tensors[0].device.type != "cuda":
        raise UserError("train.optimizer: adamw8bit needs a CUDA device; adamw runs everywhere")
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError:
        message = "train.optimizer: adamw8bit needs bitsandbytes; install it with pip install -e '.[adamw8bit]'"
        raise UserError(message) from None
    return AdamW8bit(tensors, **values)


class TrainState:
    """Trains the tensors that a task names, in float32; the task's model does not change, and shares all others.

    Frozen tensors carry no gradient: backward computes only what the trained ones need. With FSDP a process holds its
    shard of the trained tensors, of their EMA and of the optimizer's state only.
    """

    def __init__(self, task: Task, accelerator: "Accelerator") -> None:
        """Start from the task's own values of the tensors it trains.

        Raises:
            UserError: the optimizer is not available, or its state cannot be sharded.
        """
        self._task, self._settings, self._accelerator = task, task.settings, accelerator
        if is_sharded(accelerator) and self._settings.optimizer == "adamw8bit":
            raise UserError("train.optimizer: adamw8bit can't be sharded (--use_fsdp); use adamw")
        base, names = task.trainable.model, list(task.trainable.names)
        own = dict(base.network.named_parameters())
        self.model = with_tensors(base, {name: own[name].float().clone() for name in names})
        network = self.model.network
        if self._settings.gradient_checkpointing:
            network.enable_gradient_checkpointing()
        if self._settings.compile:
            compile_blocks(network, base.device)
        own = dict(network.named_parameters())
        for name in names:
            own[name].requires_grad_()
        optimizer = self._make_optimizer(own)
        del own  # FSDP replaces the parameters: nothing may keep the full ones
        self._network, self._optimizer = accelerator.prepare(network, optimizer)
        own = dict(network.named_parameters())
        self.trained = {name: own[name] for name in names}
        self.ema = {name: tensor.detach().clone() for name, tensor in self.trained.items()}

    def _make_optimizer(self, own: Mapping[str, Tensor]) -> torch.optim.Optimizer:
        """One optimizer, with a parameter group for each factor on the learning rate."""
        trainable, groups = self._task.trainable, {}
        for name in trainable.names:
            groups.setdefault(trainable.lr_factors.get(name, 1.0), []).append(own[name])
        self._factors = list(groups)
        first, *others = groups.values()
        optimizer = make_optimizer(self._settings, first)
        for tensors in others:
            optimizer.add_param_group({"params": tensors})
        return optimizer

    def ema_model(self) -> Any:
        """Return the model with the EMA of its tensors. Collective: every process must call it."""
        return with_tensors(self._task.trainable.model, {name: full_tensor(value) for name, value in self.ema.items()})

    def step(self, batch: Any, parts: Sequence[MicroBatch], lr: float, number: int) -> Tensor:
        """Take optimizer step `number` (from 0) on a batch, micro-batch by micro-batch, and update the EMA.

        Returns:
            The loss of the whole step, over all processes: a scalar on the device, which is not waited for.
        """
        accelerator, losses = self._accelerator, []
        model = self.model.with_network(self._network)
        accelerator.step, accelerator.gradient_accumulation_steps = 0, len(parts)
        for part in parts:
            with accelerator.accumulate(self._network):  # exchanges gradients in the last pass alone
                own = batch if len(parts) == 1 and part.weight == 1 else take(batch, part.rows)
                loss = self._task.loss(model, own)
                # accelerate takes the mean over processes and passes; the loss is the sum of weighted parts
                accelerator.backward(loss * (part.weight * accelerator.num_processes * len(parts)))
            losses.append(loss.detach() * part.weight)
        trained = list(self.trained.values())
        accelerator.clip_grad_norm_(trained, self._settings.clip_norm)
        for group, factor in zip(self._optimizer.param_groups, self._factors, strict=True):
            group["lr"] = lr * factor
        self._optimizer.step()
        self._optimizer.zero_grad()
        update_ema = get_ema_multi_avg_fn(ema_decay(number, self._settings.ema, self._settings.ema_warmup))
        update_ema([local_part(t) for t in self.ema.values()], [local_part(t) for t in trained], None)
        return accelerator.reduce(torch.stack(losses).sum(), "sum")

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that a resumed run needs, by flat names: not copied, on the main process only. Collective."""
        return {key: value for part in self._state() for key, value in gather(self._accelerator, part).items()}

    def is_finite(self) -> bool:
        """Whether all that a checkpoint holds of this process's shards is finite."""
        return all(is_finite(local_part(tensor)) for part in self._state() for tensor in part.values())

    def _state(self) -> Iterator[dict[str, Tensor]]:
        yield {f"trained/{name}": tensor.detach() for name, tensor in self.trained.items()}
        yield {f"ema/{name}": tensor for name, tensor in self.ema.items()}
        for name, parameter in self.trained.items():
            state = self._optimizer.state[parameter].items()  # bitsandbytes counts its steps in an int
            yield {f"optimizer/{name}/{key}": torch.as_tensor(value) for key, value in state}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Restore a `state_dict()` of the same task."""
        moments, grouped = {}, (parameter for group in self._optimizer.param_groups for parameter in group["params"])
        number_of = {id(parameter): number for number, parameter in enumerate(grouped)}
        for name, parameter in self.trained.items():
            parameter.copy_(shard_like(state[f"trained/{name}"], parameter))
            self.ema[name].copy_(shard_like(state[f"ema/{name}"], parameter))
            prefix = f"optimizer/{name}/"
            kept = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            moments[number_of[id(parameter)]] = {key: _restore(value, parameter) for key, value in kept.items()}
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": moments, "param_groups": groups})


def _restore(value: Tensor, parameter: Tensor) -> Tensor | int:
    """Undo `torch.as_tensor` for counts, and sharding for moments."""
    if value.ndim == 0:
        return value if value.is_floating_point() else int(value)
    return shard_like(value, parameter) if value.shape == parameter.shape else value
