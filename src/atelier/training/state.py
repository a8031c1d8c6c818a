"""What changes while training: the trained tensors, their average and the optimiser's state."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.optim.swa_utils import get_ema_multi_avg_fn

from atelier.training.distributed import ALONE, Team, full_tensor, own_part, placed_like
from atelier.training.optimizers import make_optimizer
from atelier.training.task import Part, Subject


# η_i = η · (i + 1) / w      for i < w (warm-up), then      η · ½ (1 + cos π (i − w) / (n − w))
def learning_rate(step: int, total: int, warmup: float, peak: float) -> float:
    """Learning rate of step i = `step` of n = `total`; w is the share `warmup` of n, in whole steps."""
    rising = round(total * warmup)
    if step < rising:
        return peak * (step + 1) / rising
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(total - rising, 1)))


class TrainState:
    """Trains some tensors of a model, in float32; the given model is left as it is and shares all others.

    Frozen tensors carry no gradient at all: backward computes only what the trained ones need. Sharded over several
    processes, a process holds its part of the trained tensors, of their average and of the optimiser's state only.
    """

    def __init__(self, subject: Subject, team: Team = ALONE) -> None:
        """Start from the subject's own values of the tensors it names."""
        own = dict(subject.network(subject.model).named_parameters())
        self._subject, self._settings, self._team = subject, subject.settings, team
        self.model = subject.with_tensors({name: own[name].float().clone() for name in subject.names})
        network = subject.network(self.model)
        if self._settings.gradient_checkpointing:
            network.enable_gradient_checkpointing()
        for tensor in _pick(network, subject.names).values():
            tensor.requires_grad_()
        self._calls = team.wrap(network, subject.blocks(network))
        self.trained = _pick(network, subject.names)
        self.average = {name: tensor.detach().clone() for name, tensor in self.trained.items()}
        self._optimizer = self._make_optimizer()
        self._update_average = get_ema_multi_avg_fn(self._settings.ema)

    def _make_optimizer(self) -> torch.optim.Optimizer:
        """One optimiser, with a group of tensors for each factor of the learning rate."""
        groups: dict[float, list[Tensor]] = {}
        for name, tensor in self.trained.items():
            groups.setdefault(self._subject.factor(name), []).append(tensor)
        self._factors = list(groups)
        first, *others = groups.values()
        optimizer = make_optimizer(self._settings, first)
        for tensors in others:
            optimizer.add_param_group({"params": tensors})
        return optimizer

    @property
    def averaged(self) -> Any:
        """The model with the averaged tensors. Every process must ask at the same time."""
        return self._subject.with_tensors({name: full_tensor(tensor) for name, tensor in self.average.items()})

    def learn(self, parts: Sequence[Part], lr: float) -> Tensor:
        """One step of the optimiser and of the average, on samples taken one part after the other.

        Returns:
            The loss of the whole step, over all processes: a scalar on the device, reading it waits.
        """
        losses = [self._add_gradients(part, last=part is parts[-1]) for part in parts]
        trained = list(self.trained.values())
        torch.nn.utils.clip_grad_norm_(trained, self._settings.clip_norm)
        for group, factor in zip(self._optimizer.param_groups, self._factors, strict=True):
            group["lr"] = lr * factor
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._update_average([own_part(t) for t in self.average.values()], [own_part(t) for t in trained], None)
        return self._team.add(torch.stack(losses).sum())

    def _add_gradients(self, part: Part, last: bool) -> Tensor:
        """Backward through one part; the part's portion of the step's loss. Processes exchange after the last one."""
        with nullcontext() if last else self._team.hold(self._calls):
            loss = self._subject.loss(self.model, self._calls, part) * part.weight
            (loss * self._team.size).backward()  # the exchange takes the mean over processes, we want the sum
        return loss.detach()

    def state(self) -> dict[str, Tensor]:
        """All that must be kept to go on, by flat names; not copied, and nothing but on the main process."""
        return {key: value for tensors in self._state() for key, value in self._team.collect(tensors).items()}

    def _state(self) -> Iterator[dict[str, Tensor]]:
        yield {f"trained/{name}": tensor.detach() for name, tensor in self.trained.items()}
        yield {f"average/{name}": tensor for name, tensor in self.average.items()}
        for name, parameter in self.trained.items():
            yield {f"optimizer/{name}/{key}": _tensor(v) for key, v in self._optimizer.state[parameter].items()}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go back to a `state()` of a learner of the same tensors."""
        moments = {}
        grouped = (parameter for group in self._optimizer.param_groups for parameter in group["params"])
        number_of = {id(parameter): number for number, parameter in enumerate(grouped)}
        for name, parameter in self.trained.items():
            parameter.copy_(placed_like(state[f"trained/{name}"], parameter))
            self.average[name].copy_(placed_like(state[f"average/{name}"], parameter))
            prefix = f"optimizer/{name}/"
            kept = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            moments[number_of[id(parameter)]] = {key: _as_kept(value, parameter) for key, value in kept.items()}
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": moments, "param_groups": groups})


def _tensor(value: Tensor | int) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(value)


def _as_kept(value: Tensor, parameter: Tensor) -> Tensor | int:
    """What `_tensor` was given: bitsandbytes counts its steps in an int."""
    if value.ndim == 0:
        return value if value.is_floating_point() else int(value)
    return placed_like(value, parameter) if value.shape == parameter.shape else value


def _pick(network: Module, names: Sequence[str]) -> dict[str, Tensor]:
    own = dict(network.named_parameters())
    return {name: own[name] for name in names}
