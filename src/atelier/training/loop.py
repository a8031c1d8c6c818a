"""The training loop: one generator for every task and method. It yields records; its caller logs, saves and plots them.

Order, dropout, noise and timesteps are functions of (seed, step), so that a run that was killed continues from its last
checkpoint to the same weights, bit for bit. It first yields the records from before the interruption again: callers
need not know that there was one.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from accelerate.utils import broadcast
from torch import Tensor

from atelier.common import checkpoints
from atelier.common.checkpoints import CheckpointStore
from atelier.common.errors import UserError
from atelier.common.fingerprint import fingerprint
from atelier.common.notices import notice
from atelier.common.rng import make_generator
from atelier.config import LoopSettings
from atelier.training.distributed import gather, make_accelerator, micro_batches
from atelier.training.state import TrainState
from atelier.training.task import Task, Validation

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True)
class Step:
    number: int  # from 1
    loss: Tensor  # a scalar on the device: reading it waits for the step
    lr: float
    fresh: bool = True  # False: computed before an interruption; only its record is repeated


@dataclass(frozen=True)
class Epoch:
    number: int  # 0 is the base, before any step
    train_loss: float | None  # mean over the epoch's steps; None for the base
    validation: Validation  # of the model with its EMA


@dataclass(frozen=True)
class Finished:
    tensors: dict[str, Tensor]  # the EMA of the trained tensors after the best epoch, float32; on the main process only
    best: int  # that epoch
    steps: int  # steps in all


Record = Step | Epoch | Finished


@dataclass
class _Progress:
    """How far a run has come: what a checkpoint holds besides the train state."""

    losses: Tensor  # (total steps,), the first `step` of them known
    epochs: list[Epoch]
    best: dict[str, Tensor]  # on the CPU of the main process; empty on the others
    step: int = 0


def best_epoch(epochs: Sequence[Epoch]) -> int:
    """Return the number of the first trained epoch with the highest validation score."""
    trained = [epoch for epoch in epochs if epoch.number > 0]
    return max(trained, key=lambda epoch: (epoch.validation.score, -epoch.number)).number


def steps_per_epoch(rows: int, settings: LoopSettings) -> int:
    """Return the number of steps in an epoch; the last batch may be smaller than the others."""
    return math.ceil(rows / settings.batch_size)


def rows_of(step: int, rows: int, settings: LoopSettings) -> Tensor:
    """Return the samples of step `step` (from 0), int64: an epoch sees each once, in an order of its own."""
    epoch, batch = divmod(step, steps_per_epoch(rows, settings))
    order = torch.randperm(rows, generator=make_generator(settings.seed, "order", epoch))
    return order.split(settings.batch_size)[batch]


def open_store(task: Task, inputs: Iterable[str | Path] = ()) -> CheckpointStore:
    """Open the checkpoints of a run: its key is a digest of the encoded data, the model, the settings and the code.

    Args:
        inputs: files and folders that the data was read from, for `atelier clean`.
    """
    facts = {
        "stage": "train",
        "settings": task.settings.model_dump(),
        "threads": torch.get_num_threads(),
        "task": fingerprint(task),
    }
    return checkpoints.open_store(facts, inputs=inputs)


def train(task: Task, store: CheckpointStore, accelerator: "Accelerator | None" = None) -> Iterator[Record]:
    """Train what a task names of its model, which does not change.

    With several processes every one runs this, in step, and yields the same records, except the tensors of `Finished`.

    Yields a `Step` for each step, an `Epoch` for the base and after each epoch, and `Finished` at the end: after
    `train.epochs`, or after `train.patience` epochs without a better validation score.

    Raises:
        UserError: the loss or a tensor is not finite. The last checkpoint is from before.
    """
    settings, model = task.settings, task.trainable.model
    accelerator = accelerator or make_accelerator(model.device)
    state = TrainState(task, accelerator)
    batches = steps_per_epoch(len(task), settings)
    total = settings.epochs * batches
    progress = _Progress(torch.zeros(total, device=model.device), [], {})
    _resume(store, state, progress, accelerator)
    yield from _replay(progress, batches, task)
    if not progress.epochs:
        progress.epochs.append(Epoch(0, None, task.validate(model, 0)))
        yield progress.epochs[-1]
    while progress.step < total and not _stops_early(progress.epochs, settings.patience):
        step = progress.step
        rows = rows_of(step, len(task), settings)
        batch = task.draw(rows, make_generator(settings.seed, "step", step))
        parts = micro_batches(len(rows), settings.accumulate, accelerator.process_index, accelerator.num_processes)
        lr = task.learning_rate(step, total)
        progress.losses[step] = state.step(batch, parts, lr, step)
        progress.step = step + 1
        yield Step(progress.step, progress.losses[step], lr)
        ends = progress.step % batches == 0
        saves = ends or progress.step % settings.checkpoint_steps == 0
        if saves:
            _check_finite(state, progress, store, accelerator)
        if ends:
            yield _close_epoch(state, progress, batches, task, accelerator)
        if saves:
            _save(store, state, progress, accelerator)
    yield Finished(progress.best, best_epoch(progress.epochs), progress.step)


def _close_epoch(state: TrainState, progress: _Progress, batches: int, task: Task, accelerator: "Accelerator") -> Epoch:
    """Validate the model with its EMA, and keep the EMA if it is the best so far."""
    number = progress.step // batches
    loss = float(progress.losses[progress.step - batches : progress.step].mean())
    epoch = Epoch(number, loss, task.validate(state.ema_model(), number))
    progress.epochs.append(epoch)
    if best_epoch(progress.epochs) == number:
        best = gather(accelerator, state.ema).items()
        progress.best = {name: value.to("cpu", copy=True).contiguous() for name, value in best}
    return epoch


def _check_finite(state: TrainState, progress: _Progress, store: CheckpointStore, accelerator: "Accelerator") -> None:
    """Check all losses and the state, before anything of them is kept.

    Raises:
        UserError: one is not finite, in this process or another; the error names the step.
    """
    losses = progress.losses[: progress.step]
    failed = (~losses.isfinite()).nonzero().flatten().tolist()
    broken = torch.tensor(int(bool(failed) or not state.is_finite()), device=accelerator.device)
    if accelerator.reduce(broken, "sum"):
        step = failed[0] + 1 if failed else progress.step
        what = f"the loss of step {step} is {float(losses[step - 1])}" if failed else f"step {step} is not finite"
        raise UserError(f"train: {what}; lower train.lr (checkpoints in {store.folder} are from before it)")


def _stops_early(epochs: Sequence[Epoch], patience: int) -> bool:
    last = epochs[-1].number
    return last > 0 and last - best_epoch(epochs) >= patience


def _replay(progress: _Progress, batches: int, task: Task) -> Iterator[Record]:
    """Yield the records of an interrupted run as it yielded them."""
    yield from progress.epochs[:1]
    for step in range(progress.step):
        lr = task.learning_rate(step, len(progress.losses))
        yield Step(step + 1, progress.losses[step], lr, fresh=False)
        if (step + 1) % batches == 0:
            yield progress.epochs[(step + 1) // batches]


def _save(store: CheckpointStore, state: TrainState, progress: _Progress, accelerator: "Accelerator") -> None:
    """Write a checkpoint on the main process; the others contribute their shards."""
    tensors = state.state_dict() | {"losses": progress.losses}
    if not accelerator.is_main_process:
        return
    tensors |= {f"best/{name}": tensor for name, tensor in progress.best.items()}
    epochs = []
    for epoch in progress.epochs:
        found = epoch.validation
        tensors[f"images/{epoch.number}"] = found.images
        epochs.append([epoch.number, epoch.train_loss, found.score, found.scores])
    store.save(progress.step, tensors, {"epochs": epochs})


def _resume(store: CheckpointStore, state: TrainState, progress: _Progress, accelerator: "Accelerator") -> None:
    """Restore state and progress from the newest checkpoint, if there is one.

    Raises:
        UserError: not all processes find the checkpoint that the main one does.
    """
    found = store.load()
    reached = torch.tensor(0 if found is None else found[1]["step"], device=accelerator.device)
    differs = reached != broadcast(reached.clone())
    if accelerator.reduce(differs.long(), "sum"):
        raise UserError(f"{store.folder}: not the same checkpoint on all machines; give them one folder, or remove it")
    if found is None:
        return
    tensors, facts = found
    state.load_state_dict(tensors)
    progress.step = facts["step"]
    if accelerator.is_main_process:
        notice(f"train: continues after step {progress.step}, from {store.folder}")
    progress.losses.copy_(tensors["losses"])
    if accelerator.is_main_process:
        best = {name: tensor for name, tensor in tensors.items() if name.startswith("best/")}
        progress.best = {name.removeprefix("best/"): tensor for name, tensor in best.items()}
    for number, train_loss, score, scores in facts["epochs"]:
        validation = Validation(score, scores, tensors[f"images/{number}"])
        progress.epochs.append(Epoch(number, train_loss, validation))
