"""What one training step sees: triplets noised at drawn timesteps, some conditions dropped; and its loss.

Everything is drawn from (seed, purpose, step) alone, so that a resumed run draws what an undisturbed one would have.

Legend: B batch, C channels, h w latent, T tokens; ᾱ is the cumulative product of alphas at a timestep.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from atelier.config import Train
from atelier.models.diffusion import Diffusion
from atelier.models.instruct_pix2pix import Editor, predict
from atelier.training import losses
from atelier.training.edit.dataset import EncodedTriplets


@dataclass(frozen=True)
class Dropout:
    """Probabilities of dropping instruction, source, or both: guidance needs it (InstructPix2Pix, section 3.2.1)."""

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


def draw_dropped(count: int, dropout: Dropout, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw of which samples the instruction and of which the source is dropped: bool (count,) each."""
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
    dropout: Dropout = Dropout(),  # immutable: one for all calls is safe
) -> NoisyBatch:
    """Noise the triplets `rows` (int64 (B,), on the CPU); timesteps as `diffusion.draw_timesteps` draws them."""
    process = Diffusion(editor.scheduler.alphas_cumprod, editor.scheduler.config.prediction_type, noisiest)
    timesteps = process.draw(len(rows), generator)
    noise = torch.randn((len(rows), *data.targets.shape[1:]), generator=generator)
    dropped = draw_dropped(len(rows), dropout, generator)
    without_text, without_image = (flags.to(editor.device) for flags in dropped)
    rows = rows.to(editor.device)
    noised = process.noise(data.targets[rows], noise.to(editor.device), timesteps)
    sources = data.sources[rows]
    return NoisyBatch(
        noisy=noised.noisy,
        target=noised.target,
        alphas_cumprod=process.alphas_cumprod(timesteps, editor.device),
        timesteps=noised.timesteps,
        conditions=sources.masked_fill(without_image.view(-1, 1, 1, 1), 0.0),
        texts=data.instructions[data.instruction_of[rows].masked_fill(without_text, 0)],
        sources=sources * data.scaling_factor,
        zones=data.zones[rows],
    )


def predict_batch(editor: Editor, batch: NoisyBatch) -> Tensor:
    """Return the editor's prediction for a batch, (B, C, h, w)."""
    return predict(editor, batch.noisy, batch.conditions, batch.timesteps, batch.texts)


@torch.no_grad()
def predict_prior(base: Editor, batch: NoisyBatch, settings: Train) -> Tensor | None:
    """Return the frozen base's prediction for a batch, (B, C, h, w); None if `train.loss` does not need it.

    It is given what the trained editor is given, also where conditions were dropped.
    """
    return predict_batch(base, batch) if settings.loss == "prior" else None


def batch_loss(
    prediction: Tensor, batch: NoisyBatch, settings: Train, prediction_type: str, base: Tensor | None = None
) -> Tensor:
    """Return the loss that `train.loss` names, a scalar.

    plain: mean squared error. preserve: that + λ_preserve · L_preserve (section 6.1.1). trimap: equation 1. prior:
    L_prior.

    Args:
        base: what `predict_prior` returned.
    """
    tight, context, background = batch.zones.split(1, dim=1)
    if settings.loss == "trimap":
        weight = losses.trimap_weight(tight, context, background, settings.lambda_ctx, settings.lambda_bg)
        return losses.weighted_mse(prediction, batch.target, weight).mean()
    if settings.loss == "prior":
        if base is None:
            raise ValueError("the loss prior needs the base's prediction")
        return losses.prior(prediction, batch.target, base, tight, settings.lambda_prior).mean()
    plain = mse_loss(prediction, batch.target)
    if settings.loss == "plain":
        return plain
    clean = losses.predicted_clean(prediction, batch.noisy, batch.alphas_cumprod, prediction_type)
    kept = losses.preserve(clean, batch.sources, tight, batch.alphas_cumprod, prediction_type)
    return plain + settings.lambda_preserve * kept.mean()
