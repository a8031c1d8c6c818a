"""One training run with samples at several epochs; `train` writes them, `train_grid` scores them.

Legend: P images per epoch (six prompts × `sampling.pictures`), S side in px.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from atelier.common.rng import derive_seed
from atelier.config import check_section
from atelier.images.tensors import to_pixels
from atelier.models.loading import load_model
from atelier.models.text_to_image import TextToImage
from atelier.sampling.text_to_image import generate
from atelier.training.concept.config import Concept
from atelier.training.concept.dataset import ConceptRow, read_folder
from atelier.training.task import Validation
from studies.common.train import train
from studies.logo.config import BASE, Bases, Factors, Run, Sampling, Training
from studies.logo.prompts import dreambooth_prompt, six_prompts


@dataclass(frozen=True)
class RunResult:
    """The results of a run. The base model's only epoch is 0."""

    pictures: dict[int, torch.Tensor]  # epoch → uint8 (P, S, S, 3): sorted by prompt
    losses: tuple[float, ...]  # mean of each epoch, from 1
    trained_parameters: int


@dataclass(frozen=True)
class Setup:
    """What all runs share."""

    bases: Bases
    teaching: Training
    factors: Factors
    sampling: Sampling
    token: str
    photographs: Path  # folder of the training images
    params: Path  # the file that all of this was read from: a run interrupted with other parameters is not resumed


def settings_of(run: Run, training: Training, factors: Factors, token: str) -> Concept:
    """Return the training settings of one run: the paper's learning rates times our factors."""
    common = {
        "method": run.method, "epochs": training.epochs, "batch_size": training.batch_size, "seed": training.seed,
        "warmup": training.warmup, "ema": training.ema, "ema_warmup": training.ema_warmup,
    }  # fmt: skip
    if run.method == "lora":
        own = {
            "lr": run.lr * factors.lora_unet, "text_lr": run.text_lr * factors.lora_text, "lora_rank": run.rank,
            "lora_alpha": training.lora_alpha, "lora_targets": training.lora_targets,
            "text_targets": training.text_targets,
        }  # fmt: skip
    elif run.method == "textual_inversion":
        own = {
            "lr": run.lr * factors.textual_inversion, "placeholder": token, "weight_decay": 0.0,
            "initialiser": training.initialiser, "vectors": training.vectors,
        }  # fmt: skip
    else:
        own = {"lr": run.lr * factors.dreambooth}
    return check_section(Concept, common | own, f"settings of {run.method}: learning rates times factors")


def sample_all(model: TextToImage, setup: Setup) -> torch.Tensor:
    """Generate the six prompts' images, uint8 (P, S, S, 3), from the same noise in every run and epoch."""
    plan, prompts, seeds = setup.sampling, [], []
    for place, prompt in enumerate(six_prompts(setup.token)):
        for number in range(plan.pictures):
            prompts.append(prompt.text)
            seeds.append(derive_seed(plan.seed, "sample", place, number))
    found = generate(model, prompts, seeds, steps=plan.steps, guidance=plan.guidance, batch_size=plan.batch_size)
    return torch.from_numpy(np.ascontiguousarray(to_pixels(found)))


def sampling_validation(setup: Setup) -> Callable[[TextToImage, int], Validation]:
    """Return a validation that samples every `every` epochs; the last epoch counts as the best: `report` ranks them."""

    def validate(model: TextToImage, epoch: int) -> Validation:
        if epoch == 0 or epoch % setup.teaching.every:
            return Validation(float(epoch))
        return Validation(float(epoch), images=sample_all(model, setup))

    return validate


def training_rows(base: TextToImage, run: Run, setup: Setup) -> list[ConceptRow]:
    """Return the training images with their prompts; for DreamBooth all have the same one (section 4.3)."""
    rows = read_folder(setup.photographs, base.size, repeats=setup.teaching.repeats)
    if run.method == "dreambooth":
        return [replace(row, prompt=dreambooth_prompt(setup.token)) for row in rows]
    return rows


@contextmanager
def train_run(run: Run, setup: Setup, name: str) -> Iterator[RunResult]:
    """Train and sample, and yield the result to the block that writes it; for the base only sample.

    Raises:
        UserError: the base model or the training images do not exist, or the loss is not finite.
    """
    where = setup.bases
    base = load_model(where.painter, where.dtype, where.device)
    if run.method == BASE:
        yield RunResult({0: sample_all(base, setup)}, (), 0)
        return
    settings = settings_of(run, setup.teaching, setup.factors, setup.token)
    inputs = [where.painter, setup.photographs, setup.params]
    rows = training_rows(base, run, setup)
    with train(base, rows, settings, inputs, sampling_validation(setup), name) as trained:
        images = {epoch: validation.images for epoch, validation in enumerate(trained.validations)}
        seen = {epoch: found for epoch, found in images.items() if len(found)}
        yield RunResult(seen, trained.losses, trained.parameters)
