"""Interface between the training loop and what it trains."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from atelier.config import LoopSettings
from atelier.models.base import DiffusionModel

Batch = TypeVar("Batch")  # a dataclass, possibly nested, of tensors whose first dimension is the sample


@dataclass(frozen=True)
class Trainable:
    """What a method makes of a base: a model that predicts as the base does, and which of its tensors are trained."""

    model: DiffusionModel
    names: Mapping[str, str]  # name of each trained parameter of `model.network` → the name that it is saved under
    facts: Mapping[str, Any] = field(default_factory=dict)  # what it takes to apply the saved tensors again
    lr_factors: Mapping[str, float] = field(default_factory=dict)  # parameter → factor on its learning rate, if not 1
    trains_text: bool = False  # the text encoder has trained parameters: prompts are encoded in every step
    placeholder: str = ""  # a token that at least one prompt must contain


@dataclass(frozen=True)
class Validation:
    """Validation result after an epoch. Saved in the checkpoint so that a resumed run yields it again."""

    score: float  # higher is better; the first epoch with the highest score is the best
    scores: dict[str, float] = field(default_factory=dict)  # other measurements by name
    images: Tensor = field(default_factory=lambda: torch.zeros(0, 1, 1, 3, dtype=torch.uint8))  # (K, H, W, 3), CPU


Validate = Callable[[Any, int], Validation]  # the model with its EMA, and the epoch's number (0: the base)


class Task(Protocol):
    """A trainable model, the data it is trained on, its loss, and its validation."""

    trainable: Trainable
    settings: LoopSettings
    validate: Validate

    def __len__(self) -> int:
        """Return the number of samples in an epoch."""

    def draw(self, rows: Tensor, generator: torch.Generator) -> Any:
        """Noise the samples `rows` (int64, on the CPU) of a step and return them as a batch."""

    def loss(self, model: Any, batch: Any) -> Tensor:
        """Return the mean loss of a batch's samples, a scalar."""

    def learning_rate(self, step: int, total: int) -> float:
        """Return the learning rate of step `step` (from 0) of `total`."""


def take(batch: Batch, rows: Tensor) -> Batch:
    """Select samples of a batch by their positions, int64 (B,)."""
    values = {entry.name: getattr(batch, entry.name) for entry in fields(batch)}
    chosen = {
        name: value[rows.to(value.device)] if isinstance(value, Tensor) else take(value, rows)
        for name, value in values.items()
        if isinstance(value, Tensor) or is_dataclass(value)
    }
    return replace(batch, **chosen)
