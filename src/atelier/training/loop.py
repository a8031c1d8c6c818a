"""The training loop: ONE generator for every method. It yields records; who calls it logs, saves and draws them.

Order, dropout, noise and timesteps are functions of (seed, step), so that a run which was killed goes on from its last
checkpoint to the same weights, bit for bit. It yields the records from before the interruption again first: callers
need not know that there was one.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from atelier.common.checkpoints import CheckpointStore
from atelier.common.errors import UserError
from atelier.common.rng import make_generator
from atelier.training.distributed import ALONE, Team
from atelier.training.state import TrainState
from atelier.training.task import Loop, Task, Verdict


@dataclass(frozen=True)
class Step:
    number: int  # from 1
    loss: Tensor  # a scalar on the device: reading it waits for the step
    lr: float
    fresh: bool = True  # False: it was made before an interruption, and only its record is repeated


@dataclass(frozen=True)
class Epoch:
    number: int  # 0 is the base, before any step
    train_loss: float | None  # mean over the epoch's steps; None for the base
    validation: Verdict  # on the averaged tensors


@dataclass(frozen=True)
class Finished:
    tensors: dict[str, Tensor]  # the averaged tensors after the best epoch, float32; the main process has them
    best: int  # that epoch
    steps: int  # steps in all


Record = Step | Epoch | Finished


@dataclass
class _Progress:
    """How far a run has come; what a checkpoint holds besides the learner."""

    losses: Tensor  # (total steps,), the first `step` of them known
    epochs: list[Epoch]
    best: dict[str, Tensor]  # on the CPU of the main process; none on the others
    step: int = 0


def best_epoch(epochs: Sequence[Epoch]) -> int:
    """Number of the first trained epoch with the highest validation score."""
    trained = [epoch for epoch in epochs if epoch.number > 0]
    return max(trained, key=lambda epoch: (epoch.validation.score, -epoch.number)).number


def steps_per_epoch(rows: int, settings: Loop) -> int:
    """Steps of one epoch; the last batch may be smaller than the others."""
    return math.ceil(rows / settings.batch_size)


def rows_of(step: int, rows: int, settings: Loop) -> Tensor:
    """Which rows of the data step `step` (from 0) sees: each once an epoch, in an order of that epoch's own."""
    epoch, batch = divmod(step, steps_per_epoch(rows, settings))
    order = torch.randperm(rows, generator=make_generator(settings.seed, "order", epoch))
    return order.split(settings.batch_size)[batch]


def train(task: Task, store: CheckpointStore, team: Team = ALONE) -> Iterator[Record]:
    """Train what a task names of its model, which is left as it is.

    Every process of a team runs this, in step, and yields the same records, but for the tensors of `Finished`.

    Yields a `Step` for each step, an `Epoch` for the base and after each epoch, and `Finished` in the end: after
    `train.epochs`, or after `train.patience` epochs without a better validation score.

    Raises:
        UserError: the loss stopped being finite.
    """
    settings, learner = task.settings, TrainState(task, team)
    batches = steps_per_epoch(len(task), settings)
    total = settings.epochs * batches
    progress = _Progress(torch.zeros(total, device=task.model.device), [], {})
    _resume(store, learner, progress, task, team)
    yield from _replay(progress, batches, task)
    if not progress.epochs:
        progress.epochs.append(Epoch(0, None, task.validate(task.model, 0)))
        yield progress.epochs[-1]
    while progress.step < total and not _gives_up(progress.epochs, settings.patience):
        step = progress.step
        rows, generator = rows_of(step, len(task), settings), make_generator(settings.seed, "step", step)
        parts = task.draw(rows, generator, team.shares(len(rows), settings.accumulate))
        lr = task.rate(step, total)
        progress.losses[step] = learner.learn(parts, lr)
        progress.step = step + 1
        yield Step(progress.step, progress.losses[step], lr)
        ends = progress.step % batches == 0
        if ends:
            yield _close_epoch(learner, progress, batches, task, team)
        if ends or progress.step % settings.checkpoint_steps == 0:
            _keep(store, learner, progress, team)
    yield Finished(progress.best, best_epoch(progress.epochs), progress.step)


def _close_epoch(learner: TrainState, progress: _Progress, batches: int, task: Task, team: Team) -> Epoch:
    """Validate the averaged tensors, and remember them if they are the best so far."""
    number = progress.step // batches
    loss = float(progress.losses[progress.step - batches : progress.step].mean())
    if not math.isfinite(loss):
        raise UserError(f"train: the loss in epoch {number} is {loss}; lower train.lr")
    epoch = Epoch(number, loss, task.validate(learner.averaged, number))
    progress.epochs.append(epoch)
    if best_epoch(progress.epochs) == number:
        progress.best = {name: tensor.to("cpu", copy=True) for name, tensor in team.collect(learner.average).items()}
    return epoch


def _gives_up(epochs: Sequence[Epoch], patience: int) -> bool:
    last = epochs[-1].number
    return last > 0 and last - best_epoch(epochs) >= patience


def _replay(progress: _Progress, batches: int, task: Task) -> Iterator[Record]:
    """The records of an interrupted run, as it yielded them."""
    closed = {epoch.number: epoch for epoch in progress.epochs}
    if 0 in closed:
        yield closed[0]
    for step in range(progress.step):
        lr = task.rate(step, len(progress.losses))
        yield Step(step + 1, progress.losses[step], lr, fresh=False)
        if (step + 1) % batches == 0:
            yield closed[(step + 1) // batches]


def _keep(store: CheckpointStore, learner: TrainState, progress: _Progress, team: Team) -> None:
    """Write a checkpoint: the main process does, of what all have."""
    tensors = learner.state() | {"losses": progress.losses}
    tensors |= {f"best/{name}": tensor for name, tensor in progress.best.items()}
    if not team.is_main:
        return
    facts = []
    for epoch in progress.epochs:
        found = vars(epoch.validation)
        seen = {name: value for name, value in found.items() if isinstance(value, Tensor)}
        tensors |= {f"epochs/{epoch.number}/{name}": value for name, value in seen.items()}
        scores = {name: value for name, value in found.items() if name not in seen}
        facts.append({"number": epoch.number, "train_loss": epoch.train_loss, "validation": scores})
    store.save(progress.step, tensors, {"step": progress.step, "epochs": facts})


def _resume(store: CheckpointStore, learner: TrainState, progress: _Progress, task: Task, team: Team) -> None:
    """Take learner and progress to where the last checkpoint was written, if there is one.

    Raises:
        UserError: not all processes find the checkpoint that the main one does.
    """
    found = store.load()
    reached = 0 if found is None else found[1]["step"]
    known = team.spread(reached)
    if team.add(torch.tensor(float(reached != known), device=team.device)):
        raise UserError(f"{store.folder}: not the same checkpoint on all machines; give them one folder, or remove it")
    if found is None:
        return
    tensors, facts = found
    learner.restore(tensors)
    progress.step = reached
    progress.losses.copy_(tensors["losses"])
    if team.is_main:
        best = {name: tensor for name, tensor in tensors.items() if name.startswith("best/")}
        progress.best = {name.removeprefix("best/"): tensor for name, tensor in best.items()}
    for epoch in facts["epochs"]:
        prefix = f"epochs/{epoch['number']}/"
        seen = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        validation = task.verdict(**epoch["validation"], **seen)
        progress.epochs.append(Epoch(epoch["number"], epoch["train_loss"], validation))
