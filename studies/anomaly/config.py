"""The study's parameters: a model per section of params.yaml, whose keys are its fields."""

from typing import Annotated, Literal

from pydantic import Field

from atelier.config import Section, fields
from atelier.training.concept.config import Concept


class Base(Section):
    model: fields.Name
    segmenter: fields.Name
    features: fields.Name
    dtype: Literal["float32", "bfloat16"]
    device: Literal["auto", "cpu", "cuda"]
    threads: fields.Threads
    t5: bool
    t5_tokens: Annotated[int, Field(ge=1, le=4096)]


class Images(Section):
    count: fields.Count
    references: Annotated[int, Field(ge=20, le=1_000_000)]
    size: fields.Side
    seed: fields.Seed


class Sampling(Section):
    prompts: Annotated[int, Field(ge=2, le=10_000)]
    group: Annotated[int, Field(ge=2, le=10_000)]
    steps: fields.Steps
    guidance: Annotated[fields.Guidance, Field(gt=0)]
    batch_size: fields.Batch
    seed: fields.Seed


class Prior(Section):
    pictures: fields.Count
    weight: fields.NonNegative


class Bootstrap(Section):
    draws: Annotated[int, Field(ge=1, le=100_000)]
    seed: fields.Seed


class Study(Section):
    base: Base
    pictures: Images
    painting: Sampling
    teaching: Concept
    prior: Prior
    measuring: Bootstrap
