"""The study's parameters as frozen, typed values: a model per section of params.yaml, whose keys are its fields."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from atelier.config import Count, NonNegative, Positive, Section, Seed, Threads
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


class TrainingImages(Section):
    count: Annotated[int, Field(ge=2)]
    others: Annotated[int, Field(ge=4, multiple_of=2)]
    seed: Seed


class Sampling(Section):
    steps: Annotated[int, Field(ge=1, le=1000)]
    guidance: NonNegative
    plain: Annotated[int, Field(ge=2)]
    complex: Count
    batch_size: Count
    seed: Seed


class Training(Section):
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
            raise ValueError(f"scales: {self.scales!r} is not a list of different scales, as 0.5+1.0+1.5")
        return self

    def epochs(self, last: int) -> set[int]:
        """Return the epochs after which a run of `last` epochs is sampled, evenly spread, without the last."""
        spread = {round(last * k / (self.checkpoints + 1)) for k in range(1, self.checkpoints + 1)}
        return spread - {0, last}

    @property
    def strengths(self) -> list[float]:
        """The scales that the finished LoRAs are sampled at."""
        return [float(part) for part in self.scales.split("+")]


class Bootstrap(Section):
    draws: Annotated[int, Field(ge=100)]
    seed: Seed


class Study(Section):
    base: Base
    networks: Networks
    photographs: TrainingImages
    painting: Sampling
    teaching: Training
    textual_inversion: TextualInversion
    dreambooth: DreamBooth
    lora: Lora
    frontier: Frontier
    judging: Bootstrap

    @model_validator(mode="after")
    def _consistent(self) -> "Study":
        if self.frontier.plain > self.painting.plain or self.frontier.complex > self.painting.complex:
            raise ValueError("frontier: plain and complex must be at most those of painting")
        return self


def settings_of(method: str, noun: str, shared: Training, own: TextualInversion | DreamBooth | Lora) -> Concept:
    """Return the training settings of one run."""
    common = {
        "method": method,
        "lr": own.lr,
        "epochs": own.epochs,
        "batch_size": shared.batch_size,
        "seed": shared.seed,
    }
    match own:
        case TextualInversion():
            words = {"placeholder": shared.placeholder, "initialiser": noun, "vectors": own.vectors}
            return Concept(**common, **words, weight_decay=0.0)  # decay would pull the embedding towards zero
        case Lora():
            return Concept(**common, lora_rank=own.rank, lora_alpha=own.alpha, text_lr=own.text_lr)
    return Concept(**common)
