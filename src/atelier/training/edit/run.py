"""Fine-tuning from files to files: opens what the loop needs, logs its records, writes what it made.

Written are the trained tensors alone (a folder that `editor.open_weights` reads), the report metrics/train.json and the
curves. None of it holds a time, so that the same inputs give the same bytes; times go to the log.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image
from safetensors.torch import save_file
from tqdm import tqdm

from atelier.common.checkpoints import CheckpointStore, open_store
from atelier.common.errors import UserError
from atelier.common.files import atomic_write, write_json
from atelier.common.records import Triplet, Zones, read_rows
from atelier.config import Models, Train
from atelier.metrics.clip import ClipScorer
from atelier.models.instruct_pix2pix import TRAINED_FACTS, TRAINED_TENSORS, Editor, load_editor
from atelier.training.distributed import ALONE, Team
from atelier.training.edit import block_sets, methods
from atelier.training.edit.dataset import EncodedTriplets, encode_triplets
from atelier.training.edit.task import EditTask
from atelier.training.edit.trainable import Trainable
from atelier.training.edit.validation import Validator
from atelier.training.loop import Epoch, Finished, Record, Step, steps_per_epoch, train
from atelier.training.throughput import Meter

_LOG_EVERY = 10  # steps; reading a loss more often would make a GPU wait
_HEADLINES = ("trained_parameters", "trained_share", "best_epoch")  # of the facts: what a run is known by
SCORES = ("loss", "tight", "context", "background", "directional")  # of an epoch's validation


class Log(Protocol):
    """What is needed of `tracking.Run`."""

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None: ...
    def log_picture(self, pixels: np.ndarray, name: str) -> None: ...


class NullLogger:
    """The log of a process that is not the main one: nothing is kept."""

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None: ...

    def log_picture(self, pixels: np.ndarray, name: str) -> None: ...

    def log_artifact(self, path: Path, folder: str | None = None) -> None: ...


@dataclass(frozen=True)
class Job:
    """All that training needs, opened."""

    editor: Editor  # the base
    trainable: Trainable  # what the method makes of it
    data: EncodedTriplets
    validator: Validator
    store: CheckpointStore
    models: Models
    settings: Train
    without_zones: int  # triplets left out because `mask` has no zones for them
    team: Team = ALONE


def open_job(models: Models, settings: Train, triplets: Path, zones: Path, team: Team = ALONE) -> Job:
    """Read the rows, load the editor and the scoring CLIP, and encode all triplets once (every process does).

    Raises:
        UserError: a file or a model is missing, what is to be trained is not there, a split has no triplet with zones,
            or a method is to be sharded that can't be.
    """
    if team.sharded and settings.method != "full":
        raise UserError(f"train.launcher: --use_fsdp shards train.method full only; leave it out for {settings.method}")
    rows = read_rows(triplets, Triplet)
    zone_of = {row.row_id: row for row in read_rows(zones, Zones)}
    usable = [row for row in rows if row.triplet_id in zone_of]
    split = {name: [row for row in usable if row.split == name] for name in ("train", "val")}
    for name, part in split.items():
        if not part:
            raise UserError(f"{triplets}: no {name} triplet that has zones in {zones}")
    store = open_store(
        {"models": models.model_dump(), "train": settings.model_dump()}, [triplets, zones, models.editor, models.clip]
    )
    editor = load_editor(models.editor, models.dtype, models.device)
    return Job(
        editor=editor,
        trainable=methods.prepare(editor, settings),
        data=encode_triplets(editor, split["train"], zone_of),
        validator=Validator(
            data=encode_triplets(editor, split["val"], zone_of),
            chosen=_spread(split["val"], settings.validation),
            scorer=ClipScorer.load(models.clip, editor.device),
            settings=settings,
            team=team,
        ),
        store=store,
        models=models,
        settings=settings,
        without_zones=len(rows) - len(usable),
        team=team,
    )


def _spread(rows: Sequence[Triplet], count: int) -> list[Triplet]:
    """`count` of the rows (all, if there are fewer), evenly spread over them."""
    count = min(count, len(rows))
    return [rows[index * len(rows) // count] for index in range(count)]


def finetune(job: Job, log: Log, *, out: Path, report: Path, curves: Path) -> None:
    """Train, then write the tensors of the best epoch, the report and the curves; forget the checkpoints.

    Of several processes all train, and the main one writes and logs.
    """
    meter = Meter(job.editor.device)
    trainable = job.trainable
    task = EditTask(trainable.editor, list(trainable.names), job.settings, job.data, job.validator)
    records = list(_watch(train(task, job.store, job.team), job, log, meter))
    if not job.team.is_main:
        return
    finished = records[-1]
    epochs = [record for record in records if isinstance(record, Epoch)]
    facts = _facts(job, finished)
    log.log_metrics({key: facts[key] for key in _HEADLINES} | meter.costs() | {"processes": job.team.size})
    with atomic_write(out) as folder:
        folder.mkdir()
        tensors = {trainable.names[name]: tensor.cpu().contiguous() for name, tensor in finished.tensors.items()}
        save_file(tensors, folder / TRAINED_TENSORS)
        (folder / TRAINED_FACTS).write_text(json.dumps(facts, indent=2) + "\n")
    write_json(report, _report(job, epochs, finished))
    with atomic_write(curves) as folder:
        folder.mkdir()
        _write_curves(folder, epochs, [record for record in records if isinstance(record, Step)])
        Image.fromarray(job.validator.picture(epochs[finished.best].validation.edits)).save(folder / "validation.png")
    job.store.discard()


def _watch(records: Iterable[Record], job: Job, log: Log, meter: Meter) -> Iterator[Record]:
    """Pass records on, with a progress bar and a log of curves, rates and validation pictures."""
    batches = steps_per_epoch(len(job.data), job.settings)
    hidden = None if job.team.is_main else True
    meter.start()
    with tqdm(total=batches * job.settings.epochs, desc="train", unit="step", disable=hidden) as bar:
        for record in records:
            if isinstance(record, Step):
                bar.update()
                ends = record.number % batches == 0
                if ends or record.number % _LOG_EVERY == 0:
                    bar.set_postfix(loss=f"{float(record.loss):.4f}", refresh=False)
                if record.fresh:
                    meter.count(last=ends)
                else:
                    meter.start()  # a repeated record was not timed
                if record.number % _LOG_EVERY == 0:
                    log.log_metrics({"loss": float(record.loss), "lr": record.lr}, record.number)
            elif isinstance(record, Epoch):
                scores = {f"val_{name}": getattr(record.validation, name) for name in SCORES}
                known = {} if record.train_loss is None else {"train_loss": record.train_loss}
                rate = meter.close()
                if rate:
                    known["samples_per_second"] = rate * job.settings.batch_size
                log.log_metrics(scores | known, record.number)
                log.log_picture(job.validator.picture(record.validation.edits), f"validation/epoch-{record.number}.png")
                meter.start()
            yield record


def _facts(job: Job, finished: Finished) -> dict[str, Any]:
    """What the trained tensors are: finetuned.json."""
    total = block_sets.count(job.editor.unet)
    trained = block_sets.count(job.trainable.editor.unet, job.trainable.names)
    return {
        "base": job.models.editor,
        "method": job.settings.method,
        **job.trainable.facts,
        "trained_parameters": trained,
        "parameters": total,
        "trained_share": _short(trained / total),
        "best_epoch": finished.best,
    }


def _report(job: Job, epochs: Sequence[Epoch], finished: Finished) -> dict[str, Any]:
    """metrics/train.json: numbers only, so that `dvc metrics diff` shows all of them."""
    facts = _facts(job, finished)
    numbers = {key: facts[key] for key in _HEADLINES}
    numbers |= {"epochs": epochs[-1].number, "steps": finished.steps}
    counts = {"train": len(job.data), "val": len(job.validator.data), "without_zones": job.without_zones}
    losses = {f"epoch_{epoch.number}": _short(epoch.train_loss) for epoch in epochs if epoch.train_loss is not None}
    scores = {
        f"val_{name}": {f"epoch_{epoch.number}": _short(getattr(epoch.validation, name)) for epoch in epochs}
        for name in SCORES
    }
    return numbers | {"triplets": counts, "train_loss": losses} | scores


def _write_curves(folder: Path, epochs: Sequence[Epoch], steps: Sequence[Step]) -> None:
    """epochs.csv and steps.csv, one row each; the base (epoch 0) has no training loss."""
    with (folder / "epochs.csv").open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["epoch", "train_loss", *(f"val_{name}" for name in SCORES)])
        for epoch in epochs:
            loss = "" if epoch.train_loss is None else _short(epoch.train_loss)
            writer.writerow([epoch.number, loss, *(_short(getattr(epoch.validation, name)) for name in SCORES)])
    with (folder / "steps.csv").open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["step", "loss", "lr"])
        writer.writerows([step.number, _short(float(step.loss)), _short(step.lr)] for step in steps)


def _short(value: float) -> float:
    """Six significant digits: the rest is rounding, which differs between machines."""
    return float(f"{value:.6g}")
