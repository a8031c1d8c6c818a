"""What a run learns from, what it is looked at with on the way, and what it leaves."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from atelier.common.files import atomic_write
from atelier.models.lora import scale_adapters
from atelier.models.text_to_image import TextToImage
from atelier.training.concept.config import Concept
from atelier.training.concept.dataset import ConceptRow, make_class_rows, read_folder
from atelier.training.concept.methods import save
from atelier.training.task import Validate, Validation
from studies.common.train import Trained
from studies.insertion.config import DreamBooth, Frontier, Painting, Teaching
from studies.insertion.prompts import Order, few, fulfil


def lesson_of(base: TextToImage, photographs: Path, name: str, teaching: Teaching) -> list[ConceptRow]:
    """The concept's photographs under the name that the prompts call it."""
    return read_folder(photographs, base.size, f"a photo of {name}", repeats=teaching.repeats)


def class_rows(base: TextToImage, noun: str, own: DreamBooth, painting: Painting) -> list[ConceptRow]:
    """DreamBooth's prior preservation: what the base itself paints of the class."""
    if not own.class_pictures:
        return []
    return make_class_rows(
        base, f"a photo of a {noun}", own.class_pictures, own.class_weight,
        seed=painting.seed, steps=painting.steps, guidance=painting.guidance,
    )  # fmt: skip


def judge_for(wanted: list[Order], painting: Painting, frontier: Frontier, last: int) -> Validate:
    """Paint some pictures at checkpoints; the last epoch is painted whole later. It counts as the best."""

    def judge(model: TextToImage, epoch: int) -> Validation:
        if epoch not in frontier.epochs(last):
            return Validation(float(epoch))
        pictures = fulfil(model, few(wanted, frontier), painting, f"epoch {epoch}")
        return Validation(float(epoch), images=torch.from_numpy(pictures))

    return judge


def paint_run(
    trained: Trained, settings: Concept, wanted: list[Order], painting: Painting, frontier: Frontier
) -> dict[str, np.ndarray]:
    """All pictures of a run: `final`, `epoch-8`, …, and a LoRA's `scale-0.5`, …; each uint8 (K, H, W, 3)."""
    found = {"final": fulfil(trained.model, wanted, painting, "paint")}
    for epoch, validation in enumerate(trained.validations):
        if len(validation.images):
            found[f"epoch-{epoch}"] = validation.images.numpy()
    for scale in frontier.strengths if settings.method == "lora" else ():
        scaled = scale_adapters(trained.model, scale)
        found[f"scale-{scale:g}"] = fulfil(scaled, few(wanted, frontier), painting, f"× {scale:g}")
    return found


def facts_of(trained: Trained, settings: Concept, rows: list[ConceptRow]) -> dict[str, float]:
    """What a run took. Losses are means of an epoch, on other noise each: they are noisy."""
    steps = -(-sum(row.repeats for row in rows) // settings.batch_size)
    return {
        "parameters": trained.parameters, "steps_per_epoch": steps, "steps": steps * settings.epochs,
        "first_loss": trained.losses[0], "last_loss": trained.losses[-1],
    }  # fmt: skip


def write_run(
    out: Path, trained: Trained, settings: Concept, pictures: dict[str, np.ndarray], facts: dict[str, float]
) -> None:
    """pictures.safetensors, facts.json, and weights as diffusers reads them."""
    with atomic_write(out) as folder:
        folder.mkdir()
        found = {key: np.ascontiguousarray(value) for key, value in pictures.items()}
        save_file(found, folder / "pictures.safetensors")
        (folder / "facts.json").write_text(json.dumps(facts, indent=2) + "\n")
        save(trained.model, settings, folder / "weights")
