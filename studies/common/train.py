"""One training run of a concept study: rows and settings → the trained model, its losses and validations.

In a DVC stage it is logged as an MLflow run, with its settings, curves and the digests of its inputs.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from atelier import tracking
from atelier.models.base import with_tensors
from atelier.models.text_to_image import TextToImage
from atelier.training import loop
from atelier.training.concept.config import Concept
from atelier.training.concept.dataset import ConceptRow, encode_rows
from atelier.training.concept.methods import prepare
from atelier.training.concept.task import ConceptTask, keep_last
from atelier.training.task import Validate, Validation


@dataclass(frozen=True)
class Trained:
    """The result of a training run. Epoch 0 is the base model."""

    model: TextToImage  # with the weights of the epoch with the best validation score
    best: int  # that epoch
    losses: tuple[float, ...]  # mean of each epoch, from epoch 1
    validations: tuple[Validation, ...]  # of each epoch, from epoch 0
    parameters: int  # number of trained parameters


@contextmanager
def train(
    base: TextToImage,
    rows: Sequence[ConceptRow],
    settings: Concept,
    inputs: Sequence[str | Path],
    validate: Validate = keep_last,
    name: str = "train",
) -> Iterator[Trained]:
    """Train to the end, and yield the result to the block that writes it; resume an equal run that was interrupted.

    The checkpoints are removed when the block has ended without an exception.

    Args:
        inputs: files and folders that rows and validation depend on; their digests are logged.
        name: of the progress bar and of the run.
    """
    task = ConceptTask(prepare(base, settings), encode_rows(base, rows), settings, validate)
    store = loop.open_store(task, inputs)
    epochs: list[loop.Epoch] = []
    total = settings.epochs * loop.steps_per_epoch(len(task), settings)
    with store.owned():
        with (
            _record(name, settings, inputs, store.folder.name) as log,
            tqdm(total=total, desc=name, unit="step", disable=None) as bar,
        ):
            for record in loop.train(task, store):
                match record:
                    case loop.Step():
                        bar.update()
                    case loop.Epoch(number, loss, validation):
                        epochs.append(record)
                        scores = {"score": validation.score, **validation.scores}
                        log.log_metrics(scores | ({} if loss is None else {"train_loss": loss}), number)
                    case loop.Finished():
                        finished = record
        yield Trained(
            model=with_tensors(task.trainable.model, finished.tensors),
            best=finished.best,
            losses=tuple(epoch.train_loss for epoch in epochs[1:]),
            validations=tuple(epoch.validation for epoch in epochs),
            parameters=sum(tensor.numel() for tensor in finished.tensors.values()),
        )


def _record(name: str, settings: Concept, inputs: Sequence[str | Path], key: str) -> AbstractContextManager:
    """Return an MLflow run in a DVC stage, a logger without effect otherwise."""
    if "DVC_STAGE" not in os.environ:
        return nullcontext(tracking.NullLogger())
    files = [Path(one) for one in inputs if Path(one).exists()]
    return tracking.run(name, {"concept": settings}, reads=files, resume_key=key)
