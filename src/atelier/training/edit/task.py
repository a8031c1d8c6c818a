"""Fine-tuning of an instruction-guided editor as a task of the training loop."""

from dataclasses import dataclass

import torch
from torch import Tensor

from atelier.config import Train
from atelier.models.instruct_pix2pix import Editor
from atelier.training.edit.batch import Dropout, NoisyBatch, batch_loss, draw_batch, predict_batch, predict_prior
from atelier.training.edit.dataset import EncodedTriplets
from atelier.training.state import learning_rate
from atelier.training.task import Trainable, Validate


@dataclass(frozen=True)
class EditTask:
    """Fine-tuning on encoded triplets, with the loss that `train.loss` names."""

    trainable: Trainable
    data: EncodedTriplets
    settings: Train
    validate: Validate

    def __len__(self) -> int:
        return len(self.data)

    def draw(self, rows: Tensor, generator: torch.Generator) -> NoisyBatch:
        """Noise a step's triplets, and drop the instruction or source of some."""
        s = self.settings
        dropout = Dropout(s.drop_text, s.drop_image, s.drop_both)
        return draw_batch(self.trainable.model, self.data, rows, generator, s.noisiest, dropout)

    def loss(self, model: Editor, batch: NoisyBatch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        base = predict_prior(self.trainable.model, batch, self.settings)  # first: without the activations for backward
        kind = model.scheduler.config.prediction_type
        return batch_loss(predict_batch(model, batch), batch, self.settings, kind, base)

    def learning_rate(self, step: int, total: int) -> float:
        """Warm up linearly, then decay as a cosine."""
        return learning_rate(step, total, self.settings.warmup, self.settings.lr)
