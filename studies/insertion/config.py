"""params.yaml of this folder as frozen, typed values, a model per section."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from atelier.config import Count, NonNegative, Positive, Section, Seed, Threads, read_sections
from atelier.training.concept.config import Concept

METHODS = ("textual_inversion", "dreambooth", "lora")


class Base(Section):
    painter: str
    dtype: Literal["float32", "bfloat16"]
    device: Literal["auto", "cpu", "cuda"]
    threads: Threads


class Networks(Section):
    clip: str
    features: str


class Photographs(Section):
    count: Annotated[int, Field(ge=2)]
    others: Annotated[int, Field(ge=4, multiple_of=2)]
    seed: Seed


class Painting(Section):
    steps: Annotated[int, Field(ge=1, le=1000)]
    guidance: NonNegative
    plain: Annotated[int, Field(ge=2)]
    complex: Count
    batch_size: Count
    seed: Seed


class Teaching(Section):
    identifier: Annotated[str, Field(pattern=r"^\S+$")]
    placeholder: Annotated[str, Field(pattern=r"^\S+$")]
    repeats: Count
    batch_size: Count
    seed: Seed


class TextualInversion(Section):
    lr: Positive
    epochs: Count
    vectors: Count


class DreamBooth(Section):
    lr: Positive
    epochs: Count
    class_pictures: Annotated[int, Field(ge=0)]
    class_weight: NonNegative


class Lora(Section):
    lr: Positive
    text_lr: NonNegative
    epochs: Count
    rank: Count
    alpha: Positive


class Frontier(Section):
    checkpoints: Annotated[int, Field(ge=0)]
    plain: Count
    complex: Count
    scales: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> "Frontier":
        try:
            wrong = not self.strengths or len(set(self.strengths)) < len(self.strengths)
        except ValueError:
            wrong = True
        if wrong:
            raise ValueError(f"scales: {self.scales!r} is no list of scales: 0.5+1.0+1.5, each once")
        return self

    def epochs(self, last: int) -> set[int]:
        """The epochs after which a run of so many is looked at, evenly spread; the last is not among them."""
        spread = {round(last * k / (self.checkpoints + 1)) for k in range(1, self.checkpoints + 1)}
        return spread - {0, last}

    @property
    def strengths(self) -> list[float]:
        """The scales that the finished LoRAs are painted at."""
        return [float(part) for part in self.scales.split("+")]


class Judging(Section):
    draws: Annotated[int, Field(ge=100)]
    seed: Seed


class Study(Section):
    base: Base
    networks: Networks
    photographs: Photographs
    painting: Painting
    teaching: Teaching
    textual_inversion: TextualInversion
    dreambooth: DreamBooth
    lora: Lora
    frontier: Frontier
    judging: Judging

    @model_validator(mode="after")
    def _consistent(self) -> "Study":
        if self.frontier.plain > self.painting.plain or self.frontier.complex > self.painting.complex:
            raise ValueError("frontier: plain and complex are at most painting's, whose first pictures they are")
        return self


def read_study(path: Path) -> Study:
    """The study's parameters.

    Raises:
        UserError: as `atelier.config.read_sections`.
    """
    return read_sections(path, Study)


def settings_of(
    method: str, noun: str, teaching: Teaching, own: TextualInversion | DreamBooth | Lora
) -> Concept:  # fmt: skip
    """What `atelier.training.concept` takes for one run: the sections' values under its names."""
    common = {
        "method": method, "lr": own.lr, "epochs": own.epochs, "batch_size": teaching.batch_size, "seed": teaching.seed,
    }  # fmt: skip
    match own:
        case TextualInversion():
            words = {"placeholder": teaching.placeholder, "initialiser": noun, "vectors": own.vectors}
            return Concept(**common, **words, weight_decay=0.0)  # decay would draw a word towards no word
        case Lora():
            return Concept(**common, lora_rank=own.rank, lora_alpha=own.alpha, text_lr=own.text_lr)
    return Concept(**common)
