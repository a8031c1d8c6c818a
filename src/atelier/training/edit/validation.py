"""What is measured after every epoch: errors at fixed noise, and real edits scored by their direction.

Legend: B batch, K validated edits, H W pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from atelier.common.records import Triplet
from atelier.common.rng import derive_seed, make_generator
from atelier.config import Train
from atelier.images.tensors import from_png, to_tensor
from atelier.metrics.clip import ClipScorer, directional
from atelier.models.instruct_pix2pix import Editor
from atelier.sampling.edit import edit_all
from atelier.training.distributed import ALONE, Team
from atelier.training.edit.batch import Dropout, batch_loss, draw_parts, predict_batch
from atelier.training.edit.dataset import EncodedTriplets
from atelier.training.losses import zone_errors, zone_means

_SHOWN = 12  # edits in the validation picture


@dataclass(frozen=True)
class Validation:
    """Scores of an editor on the validation split. Zones are unweighted mean squared errors of the prediction."""

    loss: float
    tight: float
    context: float
    background: float
    directional: float  # mean directional similarity of the edits, × 100
    edits: Tensor  # uint8 (K, H, W, 3), on the CPU

    @property
    def score(self) -> float:
        """What decides which epoch is the best: higher is better."""
        return self.directional


@dataclass(frozen=True)
class Validator:
    """Judges an editor; the same noise, timesteps and pictures every time."""

    data: EncodedTriplets  # the whole validation split: errors
    chosen: Sequence[Triplet]  # some of it: edits
    scorer: ClipScorer
    settings: Train
    team: Team = ALONE  # of several processes each judges a part; the scores are those of all, the same in each

    @torch.no_grad()
    def __call__(self, editor: Editor) -> Validation:
        """Score `editor`."""
        loss, zones = self._errors(editor)
        edited = self._edit(editor)
        pictures = np.stack([from_png(triplet.source) for triplet in self.chosen]), edited
        images = [self.scorer.image_features(to_tensor(pixels)) for pixels in pictures]
        captions = ([t.source_caption for t in self.chosen], [t.target_caption for t in self.chosen])
        texts = [self.scorer.text_features(words) for words in captions]
        score = self.team.spread(100 * float(directional(*images, *texts).mean()))  # when to stop hangs on it
        return Validation(loss, *zones.tolist(), score, torch.from_numpy(edited))

    def picture(self, edits: Tensor) -> np.ndarray:
        """Sources, edits and targets in three rows, at most 12 of each: uint8 (3 H, n W, 3)."""
        shown = self.chosen[:_SHOWN]
        rows = [
            [from_png(triplet.source) for triplet in shown],
            list(edits.numpy()[:_SHOWN]),
            [from_png(triplet.target) for triplet in shown],
        ]
        return np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)

    def _errors(self, editor: Editor) -> tuple[float, Tensor]:
        """Mean loss over the split, and the mean squared error of each zone (3,)."""
        size, prediction_type = self.settings.batch_size, editor.scheduler.config.prediction_type
        loss = torch.zeros((), device=editor.device)
        errors, areas = torch.zeros(3, device=editor.device), torch.zeros(3, device=editor.device)
        for number, rows in enumerate(torch.arange(len(self.data)).split(size)):
            generator = make_generator(self.settings.seed, "validation", number)
            shares = [share for share in self.team.shares(len(rows), self.settings.accumulate) if share.weight]
            for part in draw_parts(editor, self.data, rows, generator, self.settings.noisiest, Dropout(), shares):
                prediction = predict_batch(editor, part)
                loss += batch_loss(prediction, part, self.settings, prediction_type) * (len(rows) * part.weight)
                error, area = zone_errors(prediction, part.target, part.zones)
                errors, areas = errors + error, areas + area
        loss, errors, areas = (self.team.add(total) for total in (loss, errors, areas))
        return float(loss / len(self.data)), zone_means(errors, areas)

    def _edit(self, editor: Editor) -> np.ndarray:
        """Edits of the chosen triplets, uint8 (K, H, W, 3)."""
        (share,) = self.team.shares(len(self.chosen), 1)
        own = [self.chosen[row] for row in share.rows]
        edited = edit_all(
            editor,
            [triplet.source for triplet in own],
            [triplet.instruction for triplet in own],
            [derive_seed(self.settings.seed, triplet.triplet_id) for triplet in own],
            batch_size=math.ceil(self.settings.batch_size / (self.settings.accumulate * self.team.size)),
            steps=self.settings.validation_steps,
            guidance_text=self.settings.guidance_text,
            guidance_image=self.settings.guidance_image,
        )
        pixels = np.stack(list(edited))
        found = torch.zeros((len(self.chosen), *pixels.shape[1:]), dtype=torch.uint8)
        if share.weight:
            found[share.rows] = torch.from_numpy(pixels)
        return self.team.add(found.to(self.team.device)).cpu().numpy()
