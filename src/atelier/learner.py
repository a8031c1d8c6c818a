"""What changes while training: the trained tensors, their average and AdamW's state."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from atelier.config import Train
from atelier.editor import Editor, with_tensors
from atelier.noising import NoisyBatch, batch_loss, predict_batch


# η_i = η · (i + 1) / w      for i < w (warm-up), then      η · ½ (1 + cos π (i − w) / (n − w))
def learning_rate(step: int, total: int, warmup: float, peak: float) -> float:
    """Learning rate of step i = `step` of n = `total`; w is the share `warmup` of n, in whole steps."""
    rising = round(total * warmup)
    if step < rising:
        return peak * (step + 1) / rising
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(total - rising, 1)))


class Learner:
    """Trains some tensors of an editor, in float32; the given editor is left as it is and shares all others.

    Frozen tensors carry no gradient at all: backward computes only what the trained ones need.
    """

    def __init__(self, base: Editor, names: Sequence[str], settings: Train) -> None:
        """Start from the base's own values of the tensors `names`."""
        own = dict(base.unet.named_parameters())
        self._settings = settings
        self._kind = base.scheduler.config.prediction_type
        self.editor = with_tensors(base, {name: own[name].float().clone() for name in names})
        self.averaged = with_tensors(base, {name: own[name].float().clone() for name in names})
        self.trained = _pick(self.editor, names)
        self.average = _pick(self.averaged, names)
        for tensor in self.trained.values():
            tensor.requires_grad_()
        self._optimizer = torch.optim.AdamW(
            list(self.trained.values()), lr=settings.lr, weight_decay=settings.weight_decay, fused=True
        )
        self._update_average = get_ema_multi_avg_fn(settings.ema)

    def learn(self, batch: NoisyBatch, lr: float) -> Tensor:
        """One step of AdamW and of the average; the batch's loss (a scalar on the device: reading it waits)."""
        loss = batch_loss(predict_batch(self.editor, batch), batch, self._settings, self._kind)
        loss.backward()
        trained = list(self.trained.values())
        torch.nn.utils.clip_grad_norm_(trained, self._settings.clip_norm)
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._update_average(list(self.average.values()), trained, None)
        return loss.detach()

    def state(self) -> dict[str, Tensor]:
        """All that must be kept to go on, by flat names; not copied."""
        tensors = {f"trained/{name}": tensor.detach() for name, tensor in self.trained.items()}
        tensors |= {f"average/{name}": tensor.detach() for name, tensor in self.average.items()}
        for name, parameter in self.trained.items():
            tensors |= {f"optimizer/{name}/{key}": value for key, value in self._optimizer.state[parameter].items()}
        return tensors

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go back to a `state()` of a learner of the same tensors."""
        moments = {}
        for index, name in enumerate(self.trained):
            self.trained[name].copy_(state[f"trained/{name}"])
            self.average[name].copy_(state[f"average/{name}"])
            prefix = f"optimizer/{name}/"
            moments[index] = {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": moments, "param_groups": groups})


def _pick(editor: Editor, names: Sequence[str]) -> dict[str, Tensor]:
    own = dict(editor.unet.named_parameters())
    return {name: own[name] for name in names}
