"""What one training step sees: triplets noised at drawn timesteps, some conditions dropped; and its loss.

Everything is drawn from (seed, purpose, step) alone, so that a resumed run draws what an undisturbed one would have.

Legend: B batch, C channels, h w latent, T tokens; ᾱ is the share of signal left at a timestep.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from atelier.config import Train
from atelier.models.diffusion import Diffusion
from atelier.models.instruct_pix2pix import Editor, predict
from atelier.training import losses
from atelier.training.distributed import MicroBatch
from atelier.training.edit.dataset import EncodedTriplets


@dataclass(frozen=True)
class Dropout:
    """Probabilities of leaving out instruction, source, or both: guidance needs it (InstructPix2Pix, section 3.2.1)."""

    text: float = 0.0
    image: float = 0.0
    both: float = 0.0


@dataclass(frozen=True)
class NoisyBatch:
    noisy: Tensor  # x_t, (B, C, h, w)
    target: Tensor  # the noise or velocity to be predicted, (B, C, h, w)
    alphas_cumprod: Tensor  # ᾱ_t, (B, 1, 1, 1)
    timesteps: Tensor  # (B,), int64
    conditions: Tensor  # unscaled source latents, zeros where dropped, (B, C, h, w)
    texts: Tensor  # (B, T, C), the empty instruction's where dropped
    sources: Tensor  # scaled source latents, never dropped, (B, C, h, w)
    zones: Tensor  # (B, 3, h, w)
    weight: float = 1.0  # these samples' part of the step that they belong to


def draw_dropped(count: int, dropout: Dropout, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Which of `count` samples go without instruction and which without source: (count,) bool each."""
    u = torch.rand(count, generator=generator)
    text_ends, image_ends = dropout.text, dropout.text + dropout.image
    both = (u >= image_ends) & (u < image_ends + dropout.both)
    return (u < text_ends) | both, ((u >= text_ends) & (u < image_ends)) | both


def draw_batch(
    editor: Editor,
    data: EncodedTriplets,
    rows: Tensor,
    generator: torch.Generator,
    noisiest: float,
    dropout: Dropout = Dropout(),  # frozen: one for all calls is safe
) -> NoisyBatch:
    """Noise the triplets `rows` (int64 (B,), on the CPU)."""
    every = MicroBatch(torch.arange(len(rows)), 1.0)
    return draw_parts(editor, data, rows, generator, noisiest, dropout, [every])[0]


def draw_parts(
    editor: Editor,
    data: EncodedTriplets,
    rows: Tensor,
    generator: torch.Generator,
    noisiest: float,
    dropout: Dropout,
    shares: Sequence[MicroBatch],
) -> list[NoisyBatch]:
    """Noise a step's triplets `rows` (int64, on the CPU) and take some shares of them.

    Everything is drawn for the whole step, so that a sample's noise does not depend on how the step is shared out.
    """
    process = Diffusion(editor.scheduler.alphas_cumprod, editor.scheduler.config.prediction_type, noisiest)
    timesteps = process.draw(len(rows), generator)
    noise = torch.randn((len(rows), *data.targets.shape[1:]), generator=generator)
    dropped = draw_dropped(len(rows), dropout, generator)

    def take(share: MicroBatch) -> NoisyBatch:
        own, times = rows[share.rows].to(editor.device), timesteps[share.rows]
        without_text, without_image = (flags[share.rows].to(editor.device) for flags in dropped)
        made = process.noise(data.targets[own], noise[share.rows].to(editor.device), times)
        sources = data.sources[own]
        return NoisyBatch(
            noisy=made.noisy,
            target=made.target,
            alphas_cumprod=process.alphas_cumprod(times, editor.device),
            timesteps=made.timesteps,
            conditions=sources.masked_fill(without_image.view(-1, 1, 1, 1), 0.0),
            texts=data.instructions[data.instruction_of[own].masked_fill(without_text, 0)],
            sources=sources * data.scaling_factor,
            zones=data.zones[own],
            weight=share.weight,
        )

    return [take(share) for share in shares]


def predict_batch(editor: Editor, batch: NoisyBatch) -> Tensor:
    """The editor's prediction for a batch, (B, C, h, w)."""
    return predict(editor, batch.noisy, batch.conditions, batch.timesteps, batch.texts)


def batch_loss(prediction: Tensor, batch: NoisyBatch, settings: Train, prediction_type: str) -> Tensor:
    """The loss that `train.loss` names, a scalar.

    plain: mean squared error. preserve: that + λ_preserve · L_preserve (section 5). trimap: equation 1 (section 6.1).
    """
    tight, context, background = batch.zones.split(1, dim=1)
    if settings.loss == "trimap":
        weight = losses.trimap_weight(tight, context, background, settings.lambda_ctx, settings.lambda_bg)
        return losses.weighted_mse(prediction, batch.target, weight).mean()
    plain = mse_loss(prediction, batch.target)
    if settings.loss == "plain":
        return plain
    clean = losses.predicted_clean(prediction, batch.noisy, batch.alphas_cumprod, prediction_type)
    kept = losses.preserve(clean, batch.sources, tight, batch.alphas_cumprod, prediction_type)
    return plain + settings.lambda_preserve * kept.mean()
