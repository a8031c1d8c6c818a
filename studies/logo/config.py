"""The study's parameters as frozen, typed values: a model per section of params.yaml, whose keys are its fields."""

from typing import Annotated, Literal

from pydantic import Field

from atelier.config import Count, NonNegative, Positive, Section, Seed, Share, Threads

BASE = "base"  # the run without training
PAPER_LRS = (5e-6, 1e-4, 1e-5, 5e-5, 1e-6)  # table 1, for the UNet and for the text encoder
PAPER_RANKS = (4, 8, 16, 32, 64)


class Bases(Section):
    painter: str
    clip: str
    dtype: Literal["float32", "bfloat16"]
    device: Literal["auto", "cpu", "cuda"]
    threads: Threads


class TrainingImages(Section):
    count: Annotated[int, Field(ge=2)]
    held_out: Count
    token: Annotated[str, Field(pattern=r"^\S+$")]
    word: Annotated[str, Field(pattern=r"^\w+$")]
    least_read: Share
    seed: Seed


class Labelled(Section):
    good: Count
    bad: Count
    repainted: Share
    held_out: Count
    seed: Seed


class DetectorTraining(Section):
    copies: Count
    side: Annotated[int, Field(ge=64, multiple_of=32)]
    epochs: Count
    batch_size: Count
    lr: Positive
    threshold: Share
    seed: Seed


class Training(Section):
    epochs: Count
    every: Count
    batch_size: Count
    repeats: Count
    warmup: Share
    ema: Annotated[float, Field(ge=0, lt=1)]
    initialiser: Annotated[str, Field(min_length=1)]
    vectors: Count
    lora_alpha: Positive
    lora_targets: Annotated[str, Field(min_length=1)]
    text_targets: Annotated[str, Field(min_length=1)]
    seed: Seed


class Factors(Section):
    dreambooth: Positive
    textual_inversion: Positive
    lora_unet: Positive
    lora_text: Positive


class Sampling(Section):
    pictures: Count
    steps: Annotated[int, Field(ge=1, le=1000)]
    guidance: NonNegative
    batch_size: Count
    seed: Seed


class Ranking(Section):
    draws: Annotated[int, Field(ge=100)]
    seed: Seed


class Run(Section):
    method: Literal["base", "dreambooth", "textual_inversion", "lora"]
    lr: NonNegative = 0.0  # the paper's, and so is text_lr
    text_lr: NonNegative = 0.0
    rank: Count = 1


class Grid(Section):
    unet_lr: Positive
    text_lr: Positive
    rank: Count


class Study(Section):
    bases: Bases
    photographs: TrainingImages
    labelled: Labelled
    detecting: DetectorTraining
    teaching: Training
    factors: Factors
    sampling: Sampling
    ranking: Ranking
    runs: dict[str, Run]


class Queued(Section):
    grid: Grid
