"""One training of a concept study: rows and settings in, a taught model and what was seen on the way out.

As a stage of DVC it is a run in MLflow, with its settings, its curves and its digests of what it read.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from atelier import tracking
from atelier.common.checkpoints import open_store
from atelier.training.concept import Concept, ConceptRow, ConceptTask, TextToImage, Validation, encode_rows, prepare
from atelier.training.concept.task import Judge, keep_last
from atelier.training.loop import Epoch, Finished, Step, best_epoch, steps_per_epoch, train


class NullLogger:
    """The log of a training that is no stage: nothing is kept."""

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None: ...


@dataclass(frozen=True)
class Taught:
    """What a training gave. Epoch 0 is the base."""

    model: TextToImage  # with the tensors of the best epoch, by the judge's score
    best: int  # that epoch
    losses: tuple[float, ...]  # mean of each epoch, from epoch 1
    validations: tuple[Validation, ...]  # what the judge returned, from epoch 0
    trained: int  # how many parameters were trained


def teach(
    base: TextToImage, rows: Sequence[ConceptRow], settings: Concept, inputs: Sequence[str | Path],
    judge: Judge = keep_last, name: str = "teach",
) -> Taught:  # fmt: skip
    """Train to the end, going on where an interrupted run of the same settings and inputs stopped.

    Args:
        inputs: files and folders that the rows and the judge came from; a run on others starts anew.
        name: what the progress bar and the run are called.
    """
    start = prepare(base, settings)
    task = ConceptTask(start, encode_rows(base, rows), settings, judge)
    store = open_store(settings.model_dump() | {"threads": torch.get_num_threads()}, inputs)
    epochs: list[Epoch] = []
    total = settings.epochs * steps_per_epoch(len(task), settings)
    with _record(name, settings, inputs) as log, tqdm(total=total, desc=name, unit="step", disable=None) as bar:
        for record in train(task, store):
            match record:
                case Step():
                    bar.update()
                case Epoch(number, loss, validation):
                    epochs.append(record)
                    seen = {"score": validation.score, **validation.scores}
                    log.log_metrics(seen | ({} if loss is None else {"train_loss": loss}), number)
                case Finished():
                    finished = record
    store.discard()
    tensors = finished.tensors
    return Taught(
        model=task.with_tensors(tensors),
        best=best_epoch(epochs),
        losses=tuple(epoch.train_loss for epoch in epochs[1:]),
        validations=tuple(epoch.validation for epoch in epochs),
        trained=sum(tensor.numel() for tensor in tensors.values()),
    )


def _record(name: str, settings: Concept, inputs: Sequence[str | Path]) -> AbstractContextManager:
    """A run in MLflow where DVC runs this as a stage; by hand, or in a test, nothing."""
    if "DVC_STAGE" not in os.environ:
        return nullcontext(NullLogger())
    files = [Path(one) for one in inputs if Path(one).exists()]
    return tracking.run(name, {"concept": settings}, reads=files)
