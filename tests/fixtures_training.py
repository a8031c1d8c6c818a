"""Small inputs for training: rows of random pictures, their zones, and a run that kills itself."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from atelier import finetuning
from atelier.config import Models, Train
from atelier.images import to_png
from atelier.processes import ALONE, Team
from atelier.records import Triplet, Zones, write_rows

SIDE = 32
WORDINGS = ("make the shirt red", "change to a floral pattern", "add stripes to the clothes")
SPLITS = ("train", "train", "train", "val")


def make_settings(**changes) -> Train:
    """A `train` section for tests, with changes."""
    defaults = {
        "launcher": "python", "method": "selective", "unfreeze": "attn+mid+up", "lora_rank": 4, "lora_alpha": 8.0,
        "lora_targets": "to_q+to_k+to_v+to_out.0", "optimizer": "adamw", "accumulate": 1,
        "gradient_checkpointing": False, "loss": "trimap", "lambda_preserve": 0.5, "lambda_ctx": 0.5,
        "lambda_bg": 2.0, "lr": 1e-3, "weight_decay": 0.01, "epochs": 2, "patience": 2, "batch_size": 4, "warmup": 0.1,
        "clip_norm": 1.0, "drop_text": 0.05, "drop_image": 0.05, "drop_both": 0.05, "noisiest": 0.3, "ema": 0.9,
        "validation": 4, "validation_steps": 2, "guidance_text": 2.0, "guidance_image": 1.2, "checkpoint_steps": 5,
        "seed": 7,
    }  # fmt: skip
    return Train(**defaults | changes)


def make_models(editor: Path, clip: Path) -> Models:
    return Models(
        editor=str(editor), clip=str(clip), lpips="-", segmenter="-", dtype="float32", device="cpu", threads=1
    )


def make_triplet(number: int) -> tuple[Triplet, Zones]:
    """A random picture whose square, the garment, gets another colour; every fourth is for validation."""
    dice = np.random.default_rng(number)
    source = dice.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[8:20, 12:24] = 255
    target = source.copy()
    target[mask > 0] = dice.integers(0, 256, 3)
    triplet = Triplet(
        triplet_id=f"t{number}", split=SPLITS[number % len(SPLITS)], kind="aligned", item_id=f"i{number}", person_id="",
        source_id=f"s{number}", instruction=WORDINGS[number % len(WORDINGS)], source_caption="a person in a shirt",
        target_caption="a person in a red shirt", garment="shirt", factor="colour", source=to_png(source),
        target=to_png(target), source_mask=None, target_mask=None, box=None,
    )  # fmt: skip
    return triplet, Zones(row_id=f"t{number}", tight=to_png(mask), box=[11.0, 7.0, 25.0, 21.0], origin="given")


def write_inputs(folder: Path, count: int) -> tuple[Path, Path]:
    """Write `count` triplets and their zones; the paths of both files."""
    rows = [make_triplet(number) for number in range(count)]
    triplets, zones = folder / "triplets.parquet", folder / "zones.parquet"
    write_rows(triplets, Triplet, (triplet for triplet, _ in rows))
    write_rows(zones, Zones, (zone for _, zone in rows))
    return triplets, zones


class NoLog:
    """Takes every log call and keeps the metrics."""

    def __init__(self) -> None:
        self.metrics: list[tuple[int, dict[str, float]]] = []
        self.pictures: list[str] = []

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        self.metrics.append((step, dict(values)))

    def log_picture(self, pixels: np.ndarray, name: str) -> None:
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        self.pictures.append(name)


class KillingLog(NoLog):
    """Ends its own process without any warning, as `kill -9` does, when a step is logged."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._step = step

    def log_metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        if "lr" in values and step >= self._step:
            os.kill(os.getpid(), signal.SIGKILL)


def open_training(inputs: Path, editor: Path, clip: Path, team: Team = ALONE, **changes) -> finetuning.Job:
    """A job on the files that `write_inputs` made."""
    files = inputs / "triplets.parquet", inputs / "zones.parquet"
    return finetuning.open_job(make_models(editor, clip), make_settings(**changes), *files, team)


def run_training(inputs: Path, editor: Path, clip: Path, out: Path, log: NoLog, team: Team = ALONE, **changes) -> None:
    """Fine-tune from the files that `write_inputs` made, into `out`."""
    job = open_training(inputs, editor, clip, team, **changes)
    finetuning.finetune(job, log, out=out / "finetuned", report=out / "train.json", curves=out / "curves")


def assert_close_together(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    """All tensors as one vector: Adam blows up rounding in the odd number whose gradient is near 0."""
    assert first.keys() == second.keys()
    off = torch.stack([torch.linalg.vector_norm(second[name] - tensor) for name, tensor in first.items()])
    size = torch.stack([torch.linalg.vector_norm(tensor) for tensor in first.values()])
    assert torch.linalg.vector_norm(off) < 1e-3 * torch.linalg.vector_norm(size)
