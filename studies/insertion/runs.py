"""What a run learns from, what it is looked at with on the way, and what it leaves."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from atelier.common.files import atomic_write
from atelier.models.scaling import scale_adapters
from atelier.training.concept import (
    Concept,
    ConceptRow,
    TextToImage,
    Validation,
    make_class_rows,
    read_folder,
    save,
    size_of,
)
from atelier.training.concept.task import Judge
from studies.common.train import Taught
from studies.insertion.config import DreamBooth, Frontier, Painting, Teaching
from studies.insertion.prompts import Order, few, fulfil


def lesson_of(base: TextToImage, photographs: Path, name: str, teaching: Teaching) -> list[ConceptRow]:
    """The concept's photographs under the name that the prompts call it."""
    return read_folder(photographs, size_of(base), f"a photo of {name}", repeats=teaching.repeats)


def class_rows(base: TextToImage, noun: str, own: DreamBooth, painting: Painting) -> list[ConceptRow]:
    """DreamBooth's prior preservation: what the base itself paints of the class."""
    if not own.class_pictures:
        return []
    return make_class_rows(
        base, f"a photo of a {noun}", own.class_pictures, own.class_weight,
        seed=painting.seed, steps=painting.steps, guidance=painting.guidance,
    )  # fmt: skip


def judge_for(wanted: list[Order], painting: Painting, frontier: Frontier, last: int) -> Judge:
    """Paint some pictures at checkpoints; the last epoch is painted whole later. It counts as the best."""

    def judge(model: TextToImage, epoch: int) -> Validation:
        if epoch not in frontier.epochs(last):
            return Validation(float(epoch))
        pictures = fulfil(model, few(wanted, frontier), painting, f"epoch {epoch}")
        return Validation(float(epoch), pictures=torch.from_numpy(pictures))

    return judge


def paint_run(
    taught: Taught, settings: Concept, wanted: list[Order], painting: Painting, frontier: Frontier
) -> dict[str, np.ndarray]:
    """All pictures of a run: `final`, `epoch-8`, …, and a LoRA's `scale-0.5`, …; each uint8 (K, H, W, 3)."""
    found = {"final": fulfil(taught.model, wanted, painting, "paint")}
    for epoch, validation in enumerate(taught.validations):
        if len(validation.pictures):
            found[f"epoch-{epoch}"] = validation.pictures.numpy()
    for scale in frontier.strengths if settings.method == "lora" else ():
        scaled = scale_adapters(taught.model, scale)
        found[f"scale-{scale:g}"] = fulfil(scaled, few(wanted, frontier), painting, f"× {scale:g}")
    return found


def facts_of(taught: Taught, settings: Concept, rows: list[ConceptRow]) -> dict[str, float]:
    """What a run took. Losses are means of an epoch, on other noise each: they are noisy."""
    steps = -(-sum(row.repeats for row in rows) // settings.batch_size)
    return {
        "parameters": taught.trained, "steps_per_epoch": steps, "steps": steps * settings.epochs,
        "first_loss": taught.losses[0], "last_loss": taught.losses[-1],
    }  # fmt: skip


def write_run(
    out: Path, taught: Taught, settings: Concept, pictures: dict[str, np.ndarray], facts: dict[str, float]
) -> None:
    """pictures.safetensors, facts.json, and weights as diffusers reads them."""
    with atomic_write(out) as folder:
        folder.mkdir()
        found = {key: np.ascontiguousarray(value) for key, value in pictures.items()}
        save_file(found, folder / "pictures.safetensors")
        (folder / "facts.json").write_text(json.dumps(facts, indent=2) + "\n")
        save(taught.model, settings, folder / "weights")
