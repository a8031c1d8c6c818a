"""A run's training rows, its samples during and after training, and its output files."""

import json
from pathlib import Path

import numpy as np
import torch

from atelier.common.files import atomic_write
from atelier.common.tensor_files import write_tensors
from atelier.models.lora import scale_adapters
from atelier.models.text_to_image import TextToImage
from atelier.training.concept.config import Concept
from atelier.training.concept.dataset import ConceptRow, make_class_rows, read_folder
from atelier.training.concept.methods import save
from atelier.training.task import Validate, Validation
from studies.common.train import Trained
from studies.insertion.config import DreamBooth, Frontier, Sampling, Training
from studies.insertion.prompts import Request, generate_requests, subset


def training_rows(base: TextToImage, photographs: Path, name: str, training: Training) -> list[ConceptRow]:
    """Return the concept's training images, with its name as prompt."""
    return read_folder(photographs, base.size, f"a photo of {name}", repeats=training.repeats)


def class_rows(base: TextToImage, noun: str, own: DreamBooth, sampling: Sampling) -> list[ConceptRow]:
    """Generate the base model's images of the class, for DreamBooth's prior preservation."""
    if not own.class_pictures:
        return []
    return make_class_rows(
        base, f"a photo of a {noun}", own.class_pictures, own.class_weight,
        seed=sampling.seed, steps=sampling.steps, guidance=sampling.guidance,
    )  # fmt: skip


def sampling_validation(requests: list[Request], sampling: Sampling, frontier: Frontier, last: int) -> Validate:
    """Return a validation that generates some images at checkpoints; the last epoch counts as the best."""

    def validate(model: TextToImage, epoch: int) -> Validation:
        if epoch not in frontier.epochs(last):
            return Validation(float(epoch))
        pictures = generate_requests(model, subset(requests, frontier), sampling, f"epoch {epoch}")
        return Validation(float(epoch), images=torch.from_numpy(pictures))

    return validate


def generate_run(
    trained: Trained, settings: Concept, requests: list[Request], sampling: Sampling, frontier: Frontier
) -> dict[str, np.ndarray]:
    """Generate all images of a run: `final`, `epoch-8`, …, and a LoRA's `scale-0.5`, …; each uint8 (K, H, W, 3)."""
    found = {"final": generate_requests(trained.model, requests, sampling, "generate")}
    for epoch, validation in enumerate(trained.validations):
        if len(validation.images):
            found[f"epoch-{epoch}"] = validation.images.numpy()
    for scale in frontier.strengths if settings.method == "lora" else ():
        scaled = scale_adapters(trained.model, scale)
        found[f"scale-{scale:g}"] = generate_requests(scaled, subset(requests, frontier), sampling, f"× {scale:g}")
    return found


def facts_of(trained: Trained, settings: Concept, rows: list[ConceptRow]) -> dict[str, float]:
    """Return the size and cost of a run. Losses are means over an epoch; each epoch has other noise."""
    steps = -(-sum(row.repeats for row in rows) // settings.batch_size)
    return {
        "parameters": trained.parameters, "steps_per_epoch": steps, "steps": steps * settings.epochs,
        "first_loss": trained.losses[0], "last_loss": trained.losses[-1],
    }  # fmt: skip


def write_run(
    out: Path, trained: Trained, settings: Concept, pictures: dict[str, np.ndarray], facts: dict[str, float]
) -> None:
    """Write pictures.safetensors, facts.json, and weights in diffusers' format."""
    with atomic_write(out) as folder:
        folder.mkdir()
        write_tensors(folder / "pictures.safetensors", {key: torch.from_numpy(one) for key, one in pictures.items()})
        (folder / "facts.json").write_text(json.dumps(facts, indent=2) + "\n")
        save(trained.model, settings, folder / "weights")
