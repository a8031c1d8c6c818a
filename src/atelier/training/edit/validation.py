"""Validation after every epoch: errors at fixed noise, and edits scored by directional similarity.

Legend: B batch, K validated edits, H W pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from accelerate.utils import broadcast
from torch import Tensor

from atelier.common.fingerprint import SKIPPED
from atelier.common.records import Triplet
from atelier.common.rng import derive_seed, make_generator
from atelier.config import Train
from atelier.images.tensors import from_png, to_tensor
from atelier.metrics.clip import ClipScorer, directional, has_direction
from atelier.models.instruct_pix2pix import Editor
from atelier.sampling.edit import edit_all
from atelier.training.distributed import micro_batches
from atelier.training.edit.batch import batch_loss, draw_batch, predict_batch, predict_prior
from atelier.training.edit.dataset import EncodedTriplets
from atelier.training.losses import zone_errors, zone_means
from atelier.training.task import Validation, take

if TYPE_CHECKING:
    from accelerate import Accelerator

SCORES = ("loss", "tight", "context", "background", "directional")  # of an epoch's validation
_SHOWN = 12  # edits in the validation picture


@dataclass(frozen=True)
class Validator:
    """Scores an editor on the validation split with the same noise, timesteps and images every time.

    Several processes score a part each; the scores are those of all of them, the same in each. `loss` is the training
    loss; the zones' scores are unweighted mean squared errors of the prediction; `directional` is the mean directional
    similarity, × 100, of the edits whose captions have a direction, and decides which epoch is the best. If none has,
    it is left out and the lowest loss decides.
    """

    data: EncodedTriplets  # the whole validation split, for the errors
    chosen: Sequence[Triplet]  # some of it, for the edits
    scorer: ClipScorer
    settings: Train
    accelerator: "Accelerator" = field(metadata=SKIPPED)
    base: Editor = field(metadata=SKIPPED)  # before training; part of the task's fingerprint already

    @torch.no_grad()
    def __call__(self, editor: Editor, epoch: int) -> Validation:
        """Score `editor`; `images` are its edits, uint8 (K, H, W, 3)."""
        errors = self._errors(editor)
        edited = self._edit(editor)
        pictures = np.stack([from_png(triplet.source) for triplet in self.chosen]), edited
        images = [self.scorer.image_features(to_tensor(pixels)) for pixels in pictures]
        scores = dict(zip(SCORES, errors, strict=False))
        found = directional(*images, *self._captions)
        found = found[~found.isnan()]
        if len(found):
            own = torch.tensor(100 * float(found.mean()), dtype=torch.float64)
            # broadcast: all ranks must take the same early-stopping decision
            scores["directional"] = float(broadcast(own.to(self.accelerator.device)))
        score = scores.get("directional", -scores["loss"])
        return Validation(score, scores, torch.from_numpy(edited))

    @cached_property
    def _captions(self) -> tuple[Tensor, Tensor]:
        """Features (K, D) of the source and target captions of the edits, each pair read in one window."""
        windows = [self.scorer.window([one.source_caption, one.target_caption]) for one in self.chosen]
        before, after = zip(*windows, strict=True)
        return self.scorer.text_features(before), self.scorer.text_features(after)

    @property
    def without_direction(self) -> int:
        """Number of the edits that directional similarity leaves out: CLIP sees no difference in their captions."""
        return int((~has_direction(*self._captions)).sum())

    def picture(self, edits: Tensor) -> np.ndarray:
        """Arrange sources, edits and targets in three rows, at most 12 of each: uint8 (3 H, n W, 3)."""
        shown = self.chosen[:_SHOWN]
        rows = [
            [from_png(triplet.source) for triplet in shown],
            list(edits.numpy()[:_SHOWN]),
            [from_png(triplet.target) for triplet in shown],
        ]
        return np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)

    def _parts(self, samples: int, passes: int) -> list:
        return micro_batches(samples, passes, self.accelerator.process_index, self.accelerator.num_processes)

    def _errors(self, editor: Editor) -> list[float]:
        """Return the mean loss over the split, and the mean squared error of each zone."""
        settings, prediction_type = self.settings, editor.scheduler.config.prediction_type
        loss = torch.zeros((), device=editor.device)
        errors, areas = torch.zeros(3, device=editor.device), torch.zeros(3, device=editor.device)
        for number, rows in enumerate(torch.arange(len(self.data)).split(settings.batch_size)):
            generator = make_generator(settings.seed, "validation", number)
            batch = draw_batch(editor, self.data, rows, generator, settings.noisiest)
            for part in self._parts(len(rows), settings.accumulate):
                if part.weight:
                    own = take(batch, part.rows)
                    base, prediction = predict_prior(self.base, own, settings), predict_batch(editor, own)
                    share = len(rows) * part.weight
                    loss += batch_loss(prediction, own, settings, prediction_type, base) * share
                    error, area = zone_errors(prediction, own.target, own.zones)
                    errors, areas = errors + error, areas + area
        loss, errors, areas = (self.accelerator.reduce(total, "sum") for total in (loss, errors, areas))
        return [float(loss / len(self.data)), *zone_means(errors, areas).tolist()]

    def _edit(self, editor: Editor) -> np.ndarray:
        """Edit the chosen triplets' sources: uint8 (K, H, W, 3)."""
        (part,) = self._parts(len(self.chosen), 1)
        own = [self.chosen[row] for row in part.rows]
        edited = edit_all(
            editor,
            [triplet.source for triplet in own],
            [triplet.instruction for triplet in own],
            [derive_seed(self.settings.seed, triplet.triplet_id) for triplet in own],
            batch_size=math.ceil(
                self.settings.batch_size / (self.settings.accumulate * self.accelerator.num_processes)
            ),
            steps=self.settings.validation_steps,
            guidance_text=self.settings.guidance_text,
            guidance_image=self.settings.guidance_image,
        )
        pixels = np.stack(list(edited))
        found = torch.zeros((len(self.chosen), *pixels.shape[1:]), dtype=torch.uint8)
        if part.weight:
            found[part.rows] = torch.from_numpy(pixels)
        return self.accelerator.reduce(found.to(self.accelerator.device), "sum").cpu().numpy()
