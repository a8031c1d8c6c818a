"""The study's parameters: a model per section of params.yaml, whose keys are its fields."""

from typing import Annotated, Literal

from pydantic import Field

from atelier.config import Count, NonNegative, Positive, Section, Seed, Threads
from atelier.training.concept.config import Concept


class Base(Section):
    model: str
    segmenter: str
    features: str
    dtype: Literal["float32", "bfloat16"]
    device: Literal["auto", "cpu", "cuda"]
    threads: Threads
    t5: bool
    t5_tokens: Count


class Images(Section):
    count: Count
    references: Annotated[int, Field(ge=20)]
    size: Annotated[int, Field(ge=16, multiple_of=8)]
    seed: Seed


class Sampling(Section):
    prompts: Annotated[int, Field(ge=2)]
    group: Annotated[int, Field(ge=2)]
    steps: Count
    guidance: Positive
    batch_size: Count
    seed: Seed


class Prior(Section):
    pictures: Count
    weight: NonNegative


class Bootstrap(Section):
    draws: Count
    seed: Seed


class Study(Section):
    base: Base
    pictures: Images
    painting: Sampling
    teaching: Concept
    prior: Prior
    measuring: Bootstrap
