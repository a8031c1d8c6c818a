"""What changes while training: the trained tensors, their average and the optimiser's state."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from atelier.config import Train
from atelier.editor import Editor, with_tensors
from atelier.noising import NoisyBatch, batch_loss, predict_batch
from atelier.optimizers import make_optimizer
from atelier.processes import ALONE, Team, own_part, placed_like, whole


# η_i = η · (i + 1) / w      for i < w (warm-up), then      η · ½ (1 + cos π (i − w) / (n − w))
def learning_rate(step: int, total: int, warmup: float, peak: float) -> float:
    """Learning rate of step i = `step` of n = `total`; w is the share `warmup` of n, in whole steps."""
    rising = round(total * warmup)
    if step < rising:
        return peak * (step + 1) / rising
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(total - rising, 1)))


class Learner:
    """Trains some tensors of an editor, in float32; the given editor is left as it is and shares all others.

    Frozen tensors carry no gradient at all: backward computes only what the trained ones need. Sharded over several
    processes, a process holds its part of the trained tensors, of their average and of the optimiser's state only.
    """

    def __init__(self, base: Editor, names: Sequence[str], settings: Train, team: Team = ALONE) -> None:
        """Start from the base's own values of the tensors `names`."""
        own = dict(base.unet.named_parameters())
        self._base, self._settings, self._team = base, settings, team
        self._kind = base.scheduler.config.prediction_type
        self.editor = with_tensors(base, {name: own[name].float().clone() for name in names})
        unet = self.editor.unet
        if settings.gradient_checkpointing:
            unet.enable_gradient_checkpointing()
        for tensor in _pick(self.editor, names).values():
            tensor.requires_grad_()
        self._calls = team.wrap(unet, [*unet.down_blocks, unet.mid_block, *unet.up_blocks])
        self.trained = _pick(self.editor, names)
        self.average = {name: tensor.detach().clone() for name, tensor in self.trained.items()}
        self._optimizer = make_optimizer(settings, list(self.trained.values()))
        self._update_average = get_ema_multi_avg_fn(settings.ema)

    @property
    def averaged(self) -> Editor:
        """The editor with the averaged tensors. Every process must ask at the same time."""
        return with_tensors(self._base, {name: whole(tensor) for name, tensor in self.average.items()})

    def learn(self, parts: Sequence[NoisyBatch], lr: float) -> Tensor:
        """One step of the optimiser and of the average, on samples taken one part after the other.

        Returns:
            The loss of the whole step, over all processes: a scalar on the device, reading it waits.
        """
        losses = [self._add_gradients(part, last=part is parts[-1]) for part in parts]
        trained = list(self.trained.values())
        torch.nn.utils.clip_grad_norm_(trained, self._settings.clip_norm)
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._update_average([own_part(t) for t in self.average.values()], [own_part(t) for t in trained], None)
        return self._team.add(torch.stack(losses).sum())

    def _add_gradients(self, part: NoisyBatch, last: bool) -> Tensor:
        """Backward through one part; the part's portion of the step's loss. Processes exchange after the last one."""
        with nullcontext() if last else self._team.hold(self._calls):
            prediction = predict_batch(replace(self.editor, unet=self._calls), part)
            loss = batch_loss(prediction, part, self._settings, self._kind) * part.weight
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
        for index, (name, parameter) in enumerate(self.trained.items()):
            parameter.copy_(placed_like(state[f"trained/{name}"], parameter))
            self.average[name].copy_(placed_like(state[f"average/{name}"], parameter))
            prefix = f"optimizer/{name}/"
            kept = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            moments[index] = {key: _as_kept(value, parameter) for key, value in kept.items()}
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": moments, "param_groups": groups})


def _tensor(value: Tensor | int) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(value)


def _as_kept(value: Tensor, parameter: Tensor) -> Tensor | int:
    """What `_tensor` was given: bitsandbytes counts its steps in an int."""
    if value.ndim == 0:
        return value if value.is_floating_point() else int(value)
    return placed_like(value, parameter) if value.shape == parameter.shape else value


def _pick(editor: Editor, names: Sequence[str]) -> dict[str, Tensor]:
    own = dict(editor.unet.named_parameters())
    return {name: own[name] for name in names}
