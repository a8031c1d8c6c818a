"""The study's parameters as frozen, typed values: a model per section of params.yaml, whose keys are its fields."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from atelier.config import Section, check_section, fields
from atelier.training.concept.config import Concept

Scales = fields.scale_list(-1000)
METHODS = ("textual_inversion", "dreambooth", "lora")


class Base(Section):
    painter: fields.Name
    dtype: Literal["float32", "bfloat16"]
    device: Literal["auto", "cpu", "cuda"]
    threads: fields.Threads


class Networks(Section):
    clip: fields.Name
    features: fields.Name


class TrainingImages(Section):
    count: Annotated[int, Field(ge=2, le=10_000)]
    others: Annotated[int, Field(ge=4, le=10_000, multiple_of=2)]
    seed: fields.Seed


class Sampling(Section):
    steps: fields.Steps
    guidance: fields.Guidance
    plain: Annotated[int, Field(ge=2, le=10_000)]
    complex: Annotated[int, Field(ge=1, le=10_000)]
    batch_size: fields.Batch
    seed: fields.Seed


class Training(Section):
    identifier: Annotated[fields.Name, Field(pattern=r"^\S+$")]
    placeholder: Annotated[fields.Name, Field(pattern=r"^\S+$")]
    repeats: fields.Count
    batch_size: fields.Batch
    seed: fields.Seed


class TextualInversion(Section):
    lr: fields.Rate
    epochs: fields.Count
    vectors: Annotated[int, Field(ge=1, le=1000)]


class DreamBooth(Section):
    lr: fields.Rate
    epochs: fields.Count
    class_pictures: Annotated[int, Field(ge=0, le=10_000)]
    class_weight: fields.NonNegative


class Lora(Section):
    lr: fields.Rate
    text_lr: fields.NonNegative
    epochs: fields.Count
    rank: fields.Rank
    alpha: fields.Positive


class Frontier(Section):
    checkpoints: Annotated[int, Field(ge=0, le=1000)]
    plain: fields.Count
    complex: fields.Count
    scales: Scales

    def epochs(self, last: int) -> set[int]:
        """Return the epochs after which a run of `last` epochs is sampled, evenly spread, without the last."""
        spread = {round(last * k / (self.checkpoints + 1)) for k in range(1, self.checkpoints + 1)}
        return spread - {0, last}

    @property
    def strengths(self) -> list[float]:
        """The scales that the finished LoRAs are sampled at."""
        return fields.parse_scales(self.scales)


class Bootstrap(Section):
    draws: fields.Draws
    seed: fields.Seed


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
            common |= words | {"weight_decay": 0.0}  # decay would pull the embedding towards zero
        case Lora():
            common |= {"lora_rank": own.rank, "lora_alpha": own.alpha, "text_lr": own.text_lr}
    return check_section(Concept, common, f"settings of {method}")
