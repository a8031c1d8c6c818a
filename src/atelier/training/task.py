"""What the training loop asks of what it trains: all in which kinds of training differ stands behind these.

A model is any value with a `device`: an editor, or a text-to-image model.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import Module

from atelier.training.distributed import MicroBatch


class Loop(Protocol):
    """The settings that the loop itself reads; params.yaml explains each."""

    lr: float
    optimizer: str
    weight_decay: float
    epochs: int
    patience: int
    batch_size: int
    accumulate: int
    gradient_checkpointing: bool
    clip_norm: float
    ema: float
    checkpoint_steps: int
    seed: int


class Part(Protocol):
    """Some samples of a step, noised and ready for the network."""

    weight: float  # their part of the step that they belong to


class Verdict(Protocol):
    """How a model does after an epoch: a dataclass of tensors on the CPU and of what JSON can hold."""

    score: float  # higher is better: it decides which epoch is the best


class Subject(Protocol):
    """A model, which of its tensors are trained, and the loss that they are trained on."""

    model: Any  # where training starts; it is left as it is
    names: Sequence[str]  # the parameters of its network that are trained
    settings: Loop

    def network(self, model: Any) -> Module:
        """What a step calls; all that is trained is in it."""

    def blocks(self, network: Module) -> Sequence[Module]:
        """Its parts that are sharded one by one."""

    def with_tensors(self, tensors: dict[str, Tensor]) -> Any:
        """The model with other values for some of its network's parameters: the given tensors, not copies."""

    def factor(self, name: str) -> float:
        """By what the learning rate is multiplied for a parameter."""

    def loss(self, model: Any, network: Module, part: Part) -> Tensor:
        """Mean loss of a part's samples, a scalar; `network` is to be called in place of the model's own."""


class Task(Subject, Protocol):
    """A subject, the rows it is trained on, and how each epoch is judged."""

    verdict: type[Verdict]  # what `validate` returns

    def __len__(self) -> int:
        """How many rows an epoch sees."""

    def draw(self, rows: Tensor, generator: torch.Generator, shares: Sequence[MicroBatch]) -> list[Part]:
        """A step's rows (int64, on the CPU), noised, and of these some shares."""

    def rate(self, step: int, total: int) -> float:
        """Learning rate of step `step` (from 0) of `total`."""

    def validate(self, model: Any, epoch: int) -> Verdict:
        """Judge the averaged model after an epoch; epoch 0 is the base."""
