"""Learning a concept as a task of the training loop.

Legend: N rows, U distinct prompts, B batch, C channels, h w latent.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from atelier.common.errors import UserError
from atelier.models.diffusion import Noised
from atelier.models.networks import PromptEmbeds
from atelier.models.text_to_image import TextToImage, predict
from atelier.models.tokens import notice_unread
from atelier.training.concept.config import Concept
from atelier.training.concept.dataset import EncodedRows
from atelier.training.state import learning_rate
from atelier.training.task import Trainable, Validate, Validation, take


def keep_last(model: TextToImage, epoch: int) -> Validation:
    """Validate nothing: the last epoch is the best."""
    return Validation(float(epoch))


@dataclass(frozen=True)
class ConceptBatch:
    noised: Noised
    prompts: PromptEmbeds  # B prompts
    weights: Tensor  # (B,): the row's λ times the noise process's weight, one for each sample's error


@dataclass(frozen=True)
class ConceptTask:
    """Training of a concept method on encoded rows.

    Raises:
        UserError: no prompt contains the placeholder that is to be learnt, where the text encoder still reads it.
    """

    trainable: Trainable
    data: EncodedRows
    settings: Concept
    validate: Validate = keep_last

    def __post_init__(self) -> None:
        wanted = self.trainable.placeholder
        holding = [prompt for prompt in self.data.prompts if wanted in prompt]
        if not holding:
            raise UserError(f"train.placeholder: no prompt contains {wanted!r}; nothing would be learnt")
        unread = self.trainable.model.unread
        if wanted and all(unread(prompt[: prompt.index(wanted) + len(wanted)]) for prompt in holding):
            raise UserError(f"train.placeholder: every prompt is cut before {wanted!r}; put it further to the front")
        notice_unread(self.data.prompts, unread, "training prompts are longer than the text encoder reads")

    def __len__(self) -> int:
        return len(self.data)

    def learning_rate(self, step: int, total: int) -> float:
        """Warm up linearly, then keep the rate or decay it as a cosine."""
        s = self.settings
        return learning_rate(step, total, s.warmup, s.lr, s.schedule)

    @cached_property
    def prompts(self) -> PromptEmbeds:
        """The U prompts: as tokens where the text encoder is trained, else encoded once."""
        encode = self.trainable.model.tokens if self.trainable.trains_text else self.trainable.model.encode
        return encode(self.data.prompts)

    def draw(self, rows: Tensor, generator: torch.Generator) -> ConceptBatch:
        """Noise a step's rows. A row keeps its own latent, prompt and weight, whatever the order."""
        model, data = self.trainable.model, self.data
        process = model.noise_process(self.settings.snr_gamma, self.settings.flow_error)
        times = process.draw(len(rows), generator)
        noise = torch.randn((len(rows), *data.latents.shape[1:]), generator=generator)
        rows = rows.to(model.device)
        noised = process.noise(data.latents[rows], noise.to(model.device), times)
        return ConceptBatch(noised, take(self.prompts, data.prompt_of[rows]), data.weights[rows] * noised.weight)

    # L = 1/B Σ_b λ_b w_b ‖prediction_b − target_b‖² / (C h w)
    def loss(self, model: TextToImage, batch: ConceptBatch) -> Tensor:
        """Return the mean weighted squared error of a batch, a scalar: one weight for each error."""
        noised = batch.noised
        prediction = predict(model, noised.noisy, noised.timesteps, batch.prompts)
        errors = (prediction - noised.target).square().mean(dim=(1, 2, 3))
        return (errors * batch.weights).mean()
