"""Fine-tuning of an instruction-guided editor, as the training loop wants it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import Module

from atelier.config import Train
from atelier.models.instruct_pix2pix import Editor, with_tensors
from atelier.training.distributed import MicroBatch
from atelier.training.edit.batch import Dropout, NoisyBatch, batch_loss, draw_parts, predict_batch
from atelier.training.edit.dataset import EncodedTriplets
from atelier.training.edit.validation import Validation
from atelier.training.state import learning_rate


@dataclass(frozen=True)
class EditSubject:
    """The tensors `names` of an editor's UNet, and the loss that `train.loss` names."""

    model: Editor
    names: Sequence[str]
    settings: Train

    def network(self, model: Editor) -> Module:
        """The UNet."""
        return model.unet

    def blocks(self, network: Module) -> list[Module]:
        """The UNet's blocks."""
        return [*network.down_blocks, network.mid_block, *network.up_blocks]

    def with_tensors(self, tensors: dict[str, Tensor]) -> Editor:
        """The editor with these tensors."""
        return with_tensors(self.model, tensors)

    def factor(self, name: str) -> float:
        """All tensors have one learning rate."""
        return 1.0

    def loss(self, model: Editor, network: Module, part: NoisyBatch) -> Tensor:
        """The loss of a batch, a scalar."""
        prediction = predict_batch(replace(model, unet=network), part)
        return batch_loss(prediction, part, self.settings, model.scheduler.config.prediction_type)


@dataclass(frozen=True)
class EditTask(EditSubject):
    """Fine-tuning on triplets, judged by `judge`."""

    data: EncodedTriplets
    judge: Callable[[Editor], Validation]
    verdict: ClassVar = Validation

    def __len__(self) -> int:
        return len(self.data)

    def draw(self, rows: Tensor, generator: torch.Generator, shares: Sequence[MicroBatch]) -> list[NoisyBatch]:
        """Noise a step's triplets, some of them without instruction or source."""
        s = self.settings
        dropout = Dropout(s.drop_text, s.drop_image, s.drop_both)
        return draw_parts(self.model, self.data, rows, generator, s.noisiest, dropout, shares)

    def rate(self, step: int, total: int) -> float:
        """Warm-up, then a cosine."""
        return learning_rate(step, total, self.settings.warmup, self.settings.lr)

    def validate(self, model: Editor, epoch: int) -> Validation:
        """Score an editor on the validation split."""
        return self.judge(model)
