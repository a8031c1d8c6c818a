"""Weighted errors of a prediction on the latent grid, each with its equation above the function.

Legend: B batch, C channels, h w latent cells. ℓ is the squared error, M the garment (tight zone), B the garment's box
with its sides scaled by 1.15, all as shares of a latent cell in [0, 1]. Reduction is a weighted mean *per sample*, so
that a small garment counts as much as a large one; the paper gives none (sections 5 and 6.1).
"""

import torch
from torch import Tensor

# A sample whose weights add up to less than this has none (an empty mask with all other lambdas 0).
_NO_WEIGHT = 1e-6


# L_b = Σ w ℓ / Σ w      (sums over C, h, w; all weights 1: the plain mean squared error)
def weighted_mse(prediction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return each sample's weighted mean squared error: (B, C, h, w), (B, C, h, w), weights ≥ 0 (B, 1, h, w) → (B,).

    The loss of a sample without any weight is 0, not 0/0.
    """
    error = (prediction - target).square().mean(dim=1, keepdim=True)
    total = weight.sum(dim=(1, 2, 3))
    return (error * weight).sum(dim=(1, 2, 3)) / total.clamp_min(_NO_WEIGHT)


# w = M + λ_ctx · B(1 − M) + λ_bg · (1 − B)      (section 6.1, equation 1)
def trimap_weight(tight: Tensor, context: Tensor, background: Tensor, lambda_ctx: float, lambda_bg: float) -> Tensor:
    """Weight cells by zone, where the zones add up to 1 in every cell: 3 × (B, 1, h, w) → (B, 1, h, w)."""
    return tight + lambda_ctx * context + lambda_bg * background


# x̂ = √ᾱ · x_t − √(1 − ᾱ) · v      or      x̂ = (x_t − √(1 − ᾱ) · ε) / √ᾱ
def predicted_clean(prediction: Tensor, noisy: Tensor, alphas_cumprod: Tensor, prediction_type: str) -> Tensor:
    """Return the clean latent that a prediction implies, (B, C, h, w).

    Args:
        prediction: velocity or noise, (B, C, h, w).
        noisy: x_t, (B, C, h, w).
        alphas_cumprod: ᾱ_t in [0, 1] (in (0, 1] for epsilon), (B, 1, 1, 1).
        prediction_type: the scheduler's prediction type, `v_prediction` or `epsilon`.
    """
    if prediction_type == "v_prediction":
        return alphas_cumprod.sqrt() * noisy - (1 - alphas_cumprod).sqrt() * prediction
    return (noisy - (1 - alphas_cumprod).sqrt() * prediction) / alphas_cumprod.sqrt()


# L_preserve = g · Σ (1 − M) (x̂ − z_source)² / Σ (1 − M)      g = 1 for velocity, ᾱ for noise
def preserve(clean: Tensor, source: Tensor, tight: Tensor, alphas_cumprod: Tensor, prediction_type: str) -> Tensor:
    """Return the error of the predicted clean latent against the *source* latent outside the garment, per sample: (B,).

    The paper names this loss and does not define it (section 6.1.1). A predicted *noise* error is multiplied by 1/ᾱ on
    its way to the clean latent, 200-fold at the noisiest step, so it is multiplied by g = ᾱ.

    Args:
        clean, source: scaled latents, (B, C, h, w).
        tight: M, (B, 1, h, w).
        alphas_cumprod: ᾱ_t, (B, 1, 1, 1).
    """
    outside = weighted_mse(clean, source, 1 - tight)
    return outside if prediction_type == "v_prediction" else alphas_cumprod.flatten() * outside


# L_prior = Σ M (v − v*)² / Σ M + λ_prior · Σ (1 − M) (v − v_base)² / Σ (1 − M)
def prior(prediction: Tensor, target: Tensor, base: Tensor, tight: Tensor, lambda_prior: float) -> Tensor:
    """Return the error against the target inside the garment and against the base outside, per sample: (B,).

    The frozen base's own prediction is the target where nothing was to change, so that neither the target's background
    nor the source's is taught: OneTrainer's masked prior preservation (`masked_losses_with_prior` with
    `normalize_masked_area_loss`), whose unmasked weight is 0 here and whose means are over the masked cells.

    Args:
        prediction, target: v and v*, (B, C, h, w).
        base: v_base, the frozen base's prediction for the same inputs, (B, C, h, w).
        tight: M, (B, 1, h, w).
    """
    return weighted_mse(prediction, target, tight) + lambda_prior * weighted_mse(prediction, base, 1 - tight)


# E_z = Σ_b z ℓ,  A_z = Σ_b z      (mean squared error of a zone over any number of batches: ΣE_z / ΣA_z)
def zone_errors(prediction: Tensor, target: Tensor, zones: Tensor) -> tuple[Tensor, Tensor]:
    """Return each zone's unweighted squared error and area, (B, Z, h, w) → (Z,), (Z,), to be summed over batches.

    Losses under different lambdas can't be compared; these can.
    """
    error = (prediction - target).square().mean(dim=1, keepdim=True)
    return (error * zones).sum(dim=(0, 2, 3)), zones.sum(dim=(0, 2, 3))


def zone_means(errors: Tensor, areas: Tensor) -> Tensor:
    """Return the mean squared error of each zone from the sums of `zone_errors`; 0 where a zone has no area."""
    return torch.where(areas > 0, errors / areas.clamp_min(_NO_WEIGHT), 0.0)
