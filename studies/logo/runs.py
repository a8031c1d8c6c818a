"""One training of the study with its samples on the way: what `run` keeps, and the grid's command scores.

Legend: P pictures an epoch (six prompts × `sampling.pictures`), S side in px.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from atelier.common.rng import derive_seed
from atelier.images.tensors import to_pixels
from atelier.models.loading import load_model
from atelier.models.text_to_image import TextToImage
from atelier.sampling.text_to_image import generate
from atelier.training.concept.config import Concept
from atelier.training.concept.dataset import ConceptRow, read_folder
from atelier.training.task import Validation
from studies.common.train import train
from studies.logo.config import BASE, Bases, Factors, Run, Sampling, Teaching
from studies.logo.prompts import dreambooth_prompt, six_prompts


@dataclass(frozen=True)
class Lesson:
    """What a run left. The base's only epoch is 0."""

    pictures: dict[int, torch.Tensor]  # epoch → uint8 (P, S, S, 3): prompt by prompt
    losses: tuple[float, ...]  # mean of each epoch, from 1
    trained: int  # parameters


@dataclass(frozen=True)
class Course:
    """What all runs have in common."""

    bases: Bases
    teaching: Teaching
    factors: Factors
    sampling: Sampling
    token: str
    photographs: Path  # folder of the training photographs
    params: Path  # where all of this was read: an interrupted run of other parameters is not taken up


def settings_of(run: Run, teaching: Teaching, factors: Factors, token: str) -> Concept:
    """What `atelier.training.concept` takes for one run: the paper's rates times our factors."""
    common = {
        "method": run.method, "epochs": teaching.epochs, "batch_size": teaching.batch_size, "seed": teaching.seed,
        "warmup": teaching.warmup, "ema": teaching.ema,
    }  # fmt: skip
    if run.method == "lora":
        own = {
            "lr": run.lr * factors.lora_unet, "text_lr": run.text_lr * factors.lora_text, "lora_rank": run.rank,
            "lora_alpha": teaching.lora_alpha, "lora_targets": teaching.lora_targets,
            "text_targets": teaching.text_targets,
        }  # fmt: skip
    elif run.method == "textual_inversion":
        own = {
            "lr": run.lr * factors.textual_inversion, "placeholder": token, "weight_decay": 0.0,
            "initialiser": teaching.initialiser, "vectors": teaching.vectors,
        }  # fmt: skip
    else:
        own = {"lr": run.lr * factors.dreambooth}
    return Concept(**common, **own)


def sample_all(model: TextToImage, course: Course) -> torch.Tensor:
    """uint8 (P, S, S, 3): the six prompts, the same noise for every run and epoch."""
    plan, prompts, seeds = course.sampling, [], []
    for place, prompt in enumerate(six_prompts(course.token)):
        for number in range(plan.pictures):
            prompts.append(prompt.text)
            seeds.append(derive_seed(plan.seed, "sample", place, number))
    found = generate(model, prompts, seeds, steps=plan.steps, guidance=plan.guidance, batch_size=plan.batch_size)
    return torch.from_numpy(np.ascontiguousarray(to_pixels(found)))


def judge_for(course: Course) -> Callable[[TextToImage, int], Validation]:
    """Samples after every so many epochs. The score only says that later is better: epochs are ranked afterwards."""

    def judge(model: TextToImage, epoch: int) -> Validation:
        if epoch == 0 or epoch % course.teaching.every:
            return Validation(float(epoch))
        return Validation(float(epoch), images=sample_all(model, course))

    return judge


def rows_of(base: TextToImage, run: Run, course: Course) -> list[ConceptRow]:
    """The photographs with their prompts; for DreamBooth all under one (section 4.3)."""
    rows = read_folder(course.photographs, base.size, repeats=course.teaching.repeats)
    if run.method == "dreambooth":
        return [replace(row, prompt=dreambooth_prompt(course.token)) for row in rows]
    return rows


def learn(run: Run, course: Course, name: str) -> Lesson:
    """Train, or for the base only sample.

    Raises:
        UserError: the base or the photographs are not there, or the loss stopped being finite.
    """
    where = course.bases
    base = load_model(where.painter, where.dtype, where.device)
    if run.method == BASE:
        return Lesson({0: sample_all(base, course)}, (), 0)
    settings = settings_of(run, course.teaching, course.factors, course.token)
    inputs = [where.painter, course.photographs, course.params]
    trained = train(base, rows_of(base, run, course), settings, inputs, judge_for(course), name)
    seen = {epoch: validation.images for epoch, validation in enumerate(trained.validations) if len(validation.images)}
    return Lesson(seen, trained.losses, trained.parameters)
