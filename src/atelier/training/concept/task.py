"""Learning a concept, as the training loop wants it.

Legend: N rows, U distinct prompts, B batch, C channels, h w latent, K pictures, H W pixels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import Module

from atelier.common.errors import UserError
from atelier.models.diffusion import Noised
from atelier.models.networks import with_values
from atelier.models.text_to_image import TextToImage, predict, with_networks
from atelier.models.words import PromptEmbeds
from atelier.training.concept.config import Concept
from atelier.training.concept.dataset import EncodedRows
from atelier.training.concept.start import Start
from atelier.training.distributed import MicroBatch
from atelier.training.state import learning_rate


@dataclass(frozen=True)
class Validation:
    """How a model does after an epoch. It stands in the checkpoints, so that a resumed run repeats it."""

    score: float  # higher is better: `Finished` has the tensors of the first best epoch
    scores: dict[str, float] = field(default_factory=dict)  # whatever else was measured, by name
    pictures: Tensor = field(default_factory=lambda: torch.zeros(0, 1, 1, 3, dtype=torch.uint8))  # (K, H, W, 3)


Judge = Callable[[TextToImage, int], Validation]  # the model with the averaged tensors, and the number of the epoch


def keep_last(model: TextToImage, epoch: int) -> Validation:
    """A judge that looks at nothing: the last epoch is the best."""
    return Validation(float(epoch))


@dataclass(frozen=True)
class ConceptBatch:
    noised: Noised
    words: PromptEmbeds  # of B prompts
    weights: Tensor  # (B,): the row's λ times the process's weight, one for each sample's error
    weight: float  # these samples' part of the step that they belong to


@dataclass(frozen=True)
class ConceptTask:
    """Training of a concept method on encoded rows.

    Raises:
        UserError: no prompt holds the placeholder that is to be learnt.
    """

    start: Start
    data: EncodedRows
    settings: Concept
    judge: Judge = keep_last
    verdict: ClassVar = Validation

    def __post_init__(self) -> None:
        if not any(self.start.placeholder in prompt for prompt in self.data.prompts):
            raise UserError(f"train.placeholder: no prompt holds {self.start.placeholder!r}; nothing would be learnt")

    def __len__(self) -> int:
        return len(self.data)

    @property
    def model(self) -> TextToImage:
        """The model before any step."""
        return self.start.model

    @property
    def names(self) -> tuple[str, ...]:
        """The trained parameters of its networks."""
        return self.start.names

    def network(self, model: TextToImage) -> Module:
        """All its networks."""
        return model.networks

    def blocks(self, network: Module) -> list[Module]:
        """They are not sharded in parts."""
        return []

    def with_tensors(self, tensors: dict[str, Tensor]) -> TextToImage:
        """The model with these tensors, which may lie anywhere."""
        placed = {name: tensor.to(self.model.device) for name, tensor in tensors.items()}
        return with_networks(self.model, with_values(self.model.networks, placed))

    def factor(self, name: str) -> float:
        """The text encoder has a learning rate of its own."""
        return self.start.factors.get(name, 1.0)

    def rate(self, step: int, total: int) -> float:
        """Warm-up, then a constant rate or a cosine."""
        if self.settings.schedule == "cosine":
            return learning_rate(step, total, self.settings.warmup, self.settings.lr)
        rising = round(total * self.settings.warmup)
        return self.settings.lr * min(1.0, (step + 1) / max(rising, 1))

    @cached_property
    def words(self) -> PromptEmbeds:
        """The U prompts: as tokens where the text side is trained, else encoded once."""
        prompts = self.data.prompts
        return self.model.tokens(prompts) if self.start.trains_text else self.model.encode(prompts)

    def draw(self, rows: Tensor, generator: torch.Generator, shares: Sequence[MicroBatch]) -> list[ConceptBatch]:
        """Noise a step's rows. Each finds its own latent, prompt and weight by its number, in whatever order."""
        process, data = self.model.process(self.settings), self.data
        times = process.draw(len(rows), generator)
        noise = torch.randn((len(rows), *data.latents.shape[1:]), generator=generator)

        def take(share: MicroBatch) -> ConceptBatch:
            own = rows[share.rows].to(self.model.device)
            made = process.noise(data.latents[own], noise[share.rows].to(self.model.device), times[share.rows])
            return ConceptBatch(
                made, self.words.take(data.prompt_of[own]), data.weights[own] * made.weight, share.weight
            )

        return [take(share) for share in shares]

    # L = 1/B Σ_b λ_b w_b ‖prediction_b − goal_b‖² / (C h w)
    def loss(self, model: TextToImage, network: Module, part: ConceptBatch) -> Tensor:
        """Mean weighted squared error of a batch, a scalar: one weight for each error."""
        made = part.noised
        prediction = predict(model, network, made.noisy, made.timesteps, part.words)
        errors = (prediction - made.target).square().mean(dim=(1, 2, 3))
        return (errors * part.weights).mean()

    def validate(self, model: TextToImage, epoch: int) -> Validation:
        """Ask the judge."""
        return self.judge(model, epoch)
