"""The study's parameters as frozen, typed values: a model per section of params.yaml, whose keys are its fields."""

from typing import Annotated, Literal

from pydantic import Field

from atelier.config import Section, fields

BASE = "base"  # the run without training
PAPER_LRS = (5e-6, 1e-4, 1e-5, 5e-5, 1e-6)  # table 1, for the UNet and for the text encoder
PAPER_RANKS = (4, 8, 16, 32, 64)


class Bases(Section):
    painter: fields.Name
    clip: fields.Name
    dtype: Literal["float32", "bfloat16"]
    device: Literal["auto", "cpu", "cuda"]
    threads: fields.Threads


class TrainingImages(Section):
    count: Annotated[int, Field(ge=2, le=10_000)]
    held_out: Annotated[int, Field(ge=1, le=10_000)]
    token: Annotated[fields.Name, Field(pattern=r"^\S+$")]
    word: Annotated[fields.Name, Field(pattern=r"^\w+$")]
    least_read: fields.Share
    seed: fields.Seed


class Labelled(Section):
    good: fields.Count
    bad: fields.Count
    repainted: fields.Share
    held_out: fields.Count
    seed: fields.Seed


class DetectorTraining(Section):
    copies: fields.Count
    side: Annotated[int, Field(ge=64, le=2048, multiple_of=32)]
    epochs: fields.Count
    batch_size: fields.Batch
    lr: fields.Rate
    threshold: fields.Share
    seed: fields.Seed


class Training(Section):
    epochs: fields.Count
    every: fields.Count
    batch_size: fields.Batch
    repeats: fields.Count
    warmup: fields.Share
    ema: fields.Decay
    ema_warmup: bool
    initialiser: fields.Words
    vectors: Annotated[int, Field(ge=1, le=1000)]
    lora_alpha: fields.Positive
    lora_targets: fields.NameList
    text_targets: fields.NameList
    seed: fields.Seed


class Factors(Section):
    dreambooth: fields.Positive
    textual_inversion: fields.Positive
    lora_unet: fields.Positive
    lora_text: fields.Positive


class Sampling(Section):
    pictures: Annotated[int, Field(ge=1, le=10_000)]
    steps: fields.Steps
    guidance: fields.Guidance
    batch_size: fields.Batch
    seed: fields.Seed


class Ranking(Section):
    draws: fields.Draws
    seed: fields.Seed


class Run(Section):
    method: Literal["base", "dreambooth", "textual_inversion", "lora"]
    lr: fields.NonNegative = 0.0  # the paper's, and so is text_lr
    text_lr: fields.NonNegative = 0.0
    rank: fields.Rank = 1


class Grid(Section):
    unet_lr: fields.Rate
    text_lr: fields.Rate
    rank: fields.Rank


class Study(Section):
    bases: Bases
    photographs: TrainingImages
    labelled: Labelled
    detecting: DetectorTraining
    teaching: Training
    factors: Factors
    sampling: Sampling
    ranking: Ranking
    runs: dict[fields.Name, Run]


class Queued(Section):
    grid: Grid
