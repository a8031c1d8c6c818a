"""Fine-tuning from files to files: open what the loop needs, log its records, write the results.

Only the trained tensors are written (a folder that `instruct_pix2pix.open_weights` reads), with the report
metrics/train.json and the curves. None of these holds a time, so that the same inputs give the same bytes; times are
logged.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from PIL import Image
from tqdm import tqdm

from atelier.common.checkpoints import CheckpointStore
from atelier.common.errors import UserError
from atelier.common.files import atomic_write, digest, write_json
from atelier.common.notices import notice
from atelier.common.records import Triplet, Zones, read_rows
from atelier.common.tensor_files import write_tensors
from atelier.config import Models, Train
from atelier.metrics.clip import ClipScorer
from atelier.models.digest import digest_base
from atelier.models.finetuned import TRAINED_FACTS, TRAINED_TENSORS
from atelier.models.instruct_pix2pix import Editor, load_editor
from atelier.models.tokens import notice_unread
from atelier.training.distributed import is_sharded, make_accelerator
from atelier.training.edit import block_sets, methods
from atelier.training.edit.dataset import encode_triplets
from atelier.training.edit.task import EditTask
from atelier.training.edit.validation import SCORES, Validator
from atelier.training.loop import Epoch, Finished, Record, Step, open_store, steps_per_epoch, train
from atelier.training.throughput import Meter

if TYPE_CHECKING:
    from accelerate import Accelerator

_LOG_EVERY = 10  # steps; reading a loss more often would make a GPU wait
_HEADLINES = ("trained_parameters", "trained_share", "best_epoch")  # the facts that identify a run


class Logger(Protocol):
    """The part of `tracking.Run` that training uses."""

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None: ...
    def log_picture(self, pixels: np.ndarray, name: str) -> None: ...


@dataclass(frozen=True)
class Job:
    """All that training needs, opened."""

    base: Editor
    task: EditTask
    store: CheckpointStore
    models: Models
    without_zones: int  # triplets left out because `mask` has no zones for them
    cut_instructions: int  # triplets whose instruction the editor does not read whole
    accelerator: "Accelerator"

    @property
    def validator(self) -> Validator:
        """What scores an epoch."""
        return self.task.validate

    def owned(self) -> AbstractContextManager:
        """Own the run on the main process during a block (see `CheckpointStore.owned`)."""
        return self.store.owned() if self.accelerator.is_main_process else nullcontext()


def open_job(
    models: Models, settings: Train, triplets: Path, zones: Path, accelerator: "Accelerator | None" = None
) -> Job:
    """Read the rows, load the editor and the scoring CLIP, and encode all triplets once (in every process).

    Raises:
        UserError: a file or a model is missing, the method's parameters do not fit the editor, a split has no triplet
            with zones, or a method cannot be sharded.
    """
    accelerator = accelerator or make_accelerator(models.device)
    if is_sharded(accelerator) and settings.method != "full":
        raise UserError(f"train.launcher: --use_fsdp shards train.method full only; leave it out for {settings.method}")
    rows = read_rows(triplets, Triplet)
    zone_of = {row.row_id: row for row in read_rows(zones, Zones)}
    usable = [row for row in rows if row.triplet_id in zone_of]
    split = {name: [row for row in usable if row.split == name] for name in ("train", "val")}
    for name, part in split.items():
        if not part:
            raise UserError(f"{triplets}: no {name} triplet that has zones in {zones}")
    base = load_editor(models.editor, models.dtype, models.device)
    trainable = methods.prepare(base, settings)
    texts = [row.instruction for row in usable if row.split in split] if accelerator.is_main_process else []
    cut = notice_unread(texts, base.limit.unread, "training instructions are longer than the editor reads")
    data, validation = (encode_triplets(base, split[name], zone_of) for name in ("train", "val"))
    count = min(settings.validation, len(split["val"]))
    chosen = [split["val"][index * len(split["val"]) // count] for index in range(count)]  # evenly spread
    scorer = ClipScorer.load(models.clip, base.device)
    validator = Validator(validation, chosen, scorer, settings, accelerator, trainable.model)
    if validator.without_direction == count and accelerator.is_main_process:
        notice("train: CLIP sees no difference in the captions of any validated triplet; the lowest loss decides")
    task = EditTask(trainable, data, settings, validator)
    return Job(base, task, open_store(task, [triplets, zones]), models, len(rows) - len(usable), cut, accelerator)


def finetune(job: Job, log: Logger, *, out: Path, report: Path, curves: Path) -> None:
    """Train, then write the tensors of the best epoch, the report and the curves.

    The caller owns the run (`Job.owned`) until all is written. Of several processes all train, and the main
    one writes and logs.
    """
    meter = Meter(job.base.device)
    records = list(_watch(train(job.task, job.store, job.accelerator), job, log, meter))
    if not job.accelerator.is_main_process:
        return
    finished = records[-1]
    epochs = [record for record in records if isinstance(record, Epoch)]
    facts = _facts(job, finished)
    headlines = {key: facts[key] for key in _HEADLINES}
    log.log_metrics(headlines | meter.costs() | {"processes": job.accelerator.num_processes})
    names = job.task.trainable.names
    with atomic_write(out) as folder:
        folder.mkdir()
        write_tensors(folder / TRAINED_TENSORS, {names[name]: one.cpu() for name, one in finished.tensors.items()})
        facts["sha256"] = digest(folder / TRAINED_TENSORS)  # checked on opening
        (folder / TRAINED_FACTS).write_text(json.dumps(facts, indent=2) + "\n")
    write_json(report, _report(job, epochs, finished, headlines))
    with atomic_write(curves) as folder:
        folder.mkdir()
        _write_curves(folder, epochs, [record for record in records if isinstance(record, Step)])
        picture = job.validator.picture(epochs[finished.best].validation.images)
        Image.fromarray(picture).save(folder / "validation.png")


def _watch(records: Iterable[Record], job: Job, log: Logger, meter: Meter) -> Iterator[Record]:
    """Pass records on, show a progress bar, and log curves, rates and validation pictures."""
    settings = job.task.settings
    batches = steps_per_epoch(len(job.task), settings)
    hidden = None if job.accelerator.is_main_process else True
    meter.start()
    with tqdm(total=batches * settings.epochs, desc="train", unit="step", disable=hidden) as bar:
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
                    log.log_metrics({"loss/step": float(record.loss), "rate/lr": record.lr}, record.number)
            elif isinstance(record, Epoch):
                scores = record.validation.scores.items()
                values = {"loss/validation" if name == "loss" else f"validation/{name}": one for name, one in scores}
                if record.train_loss is not None:
                    values["loss/train"] = record.train_loss
                rate = meter.close()
                if rate:
                    values["rate/samples_per_second"] = rate * settings.batch_size
                log.log_metrics(values, record.number)
                picture = job.validator.picture(record.validation.images)
                log.log_picture(picture, f"validation/epoch-{record.number}.png")
                meter.start()
            yield record


def _facts(job: Job, finished: Finished) -> dict[str, Any]:
    """Describe the trained tensors: finetuned.json."""
    trainable = job.task.trainable
    total = block_sets.count(job.base.unet)
    trained = block_sets.count(trainable.model.unet, trainable.names)
    base_digest = digest_base(job.models.editor)
    return {
        "base": job.models.editor,
        **({"base_sha256": base_digest} if base_digest else {}),
        "size": job.task.data.sources.shape[-1] * job.base.latent_stride,
        "method": job.task.settings.method,
        **trainable.facts,
        "trained_parameters": trained,
        "parameters": total,
        "trained_share": _short(trained / total),
        "best_epoch": finished.best,
    }


def _report(job: Job, epochs: Sequence[Epoch], finished: Finished, headlines: Mapping[str, Any]) -> dict[str, Any]:
    """metrics/train.json: numbers only, so that `dvc metrics diff` shows all of them."""
    numbers = headlines | {"epochs": epochs[-1].number, "steps": finished.steps}
    counts = {"train": len(job.task), "val": len(job.validator.data), "without_zones": job.without_zones}
    left_out = {"cut_instructions": job.cut_instructions, "without_direction": job.validator.without_direction}
    counts |= {name: count for name, count in left_out.items() if count}
    losses = {f"epoch_{epoch.number}": _short(epoch.train_loss) for epoch in epochs if epoch.train_loss is not None}
    scores = {
        f"val_{name}": {f"epoch_{epoch.number}": _short(epoch.validation.scores[name]) for epoch in epochs}
        for name in SCORES
        if name in epochs[0].validation.scores
    }
    return numbers | {"triplets": counts, "train_loss": losses} | scores


def _write_curves(folder: Path, epochs: Sequence[Epoch], steps: Sequence[Step]) -> None:
    """Write epochs.csv and steps.csv, one row each; the base (epoch 0) has no training loss."""
    with (folder / "epochs.csv").open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["epoch", "train_loss", *(f"val_{name}" for name in SCORES)])
        for epoch in epochs:
            loss = "" if epoch.train_loss is None else _short(epoch.train_loss)
            found = [epoch.validation.scores.get(name) for name in SCORES]
            writer.writerow([epoch.number, loss, *("" if score is None else _short(score) for score in found)])
    with (folder / "steps.csv").open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["step", "loss", "lr"])
        writer.writerows([step.number, _short(float(step.loss)), _short(step.lr)] for step in steps)


def _short(value: float) -> float:
    """Round to six significant digits: the rest is rounding, which differs between machines."""
    return float(f"{value:.6g}")
