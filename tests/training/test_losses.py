import itertools

import numpy as np
import pytest
import torch
from torch.nn.functional import mse_loss

from atelier.training import losses

SHAPE = (3, 4, 5, 6)
PAIR = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def constant(value: float, dtype=torch.float64) -> torch.Tensor:
    """Return a weight map (B, 1, h, w)."""
    return torch.full((SHAPE[0], 1, *SHAPE[2:]), value, dtype=dtype)


def random_zones(seed: int = 0) -> torch.Tensor:
    """(B, 3, h, w) float64 shares that add up to 1 in each cell, as area-downsampled zones do."""
    shares = torch.rand((SHAPE[0], 3, *SHAPE[2:]), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return shares / shares.sum(dim=1, keepdim=True)


def by_loop(prediction, target, weight):
    """Calculate the weighted mean per sample, one number at a time."""
    above, below = torch.zeros(2, SHAPE[0], dtype=torch.float64)
    for b, c, i, j in np.ndindex(SHAPE):
        above[b] += float(weight[b, 0, i, j]) * float(prediction[b, c, i, j] - target[b, c, i, j]) ** 2
        below[b] += float(weight[b, 0, i, j])
    return above / below


@pytest.mark.parametrize("scale", [1e-3, 1.0, 10.0, 1e3])
def test_weighted_mse_equals_a_brute_force_loop_and_only_the_ratio_of_weights_matters(scale):
    weight = random_zones()[:, :1]
    torch.testing.assert_close(losses.weighted_mse(*PAIR, weight * scale), by_loop(*PAIR, weight), rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [1.0, 0.25, 7.0])
def test_equal_weights_give_plain_mse(dtype, value):
    prediction, target = (tensor.to(dtype) for tensor in PAIR)
    loss = losses.weighted_mse(prediction, target, constant(value, dtype)).mean()
    torch.testing.assert_close(loss, mse_loss(prediction, target))


@pytest.mark.parametrize(("lambda_ctx", "lambda_bg"), [(0.5, 2.0), (1.0, 1.0), (0.0, 0.0), (0.0, 3.0)])
def test_trimap_weight_equals_equation_1(lambda_ctx, lambda_bg):
    box = torch.zeros(1, 1, 6, 6, dtype=torch.float64)
    box[..., 1:5, 1:] = 1  # reaches the border
    mask = torch.zeros_like(box)
    mask[..., 2:4, 3:] = 1
    weight = losses.trimap_weight(mask, box * (1 - mask), 1 - box, lambda_ctx, lambda_bg)
    for at in np.ndindex(weight.shape):
        inside, boxed = float(mask[at]), float(box[at])
        assert float(weight[at]) == inside + lambda_ctx * boxed * (1 - inside) + lambda_bg * (1 - boxed)


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["empty", "full"])
@pytest.mark.parametrize("lambdas", [(0.5, 2.0), (0.0, 0.0), (0.0, 2.0)])
def test_empty_and_full_masks_have_a_finite_loss_and_gradient(share, lambdas):
    tight = constant(share)
    weight = losses.trimap_weight(tight, torch.zeros_like(tight), 1 - tight, *lambdas)
    prediction = PAIR[0].clone().requires_grad_()
    loss = losses.weighted_mse(prediction, PAIR[1], weight).mean()
    loss.backward()
    assert torch.isfinite(prediction.grad).all()
    expected = 0.0 if share == lambdas[1] == 0 else float(mse_loss(*PAIR))  # no cell has a weight
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-12)


def test_each_sample_counts_the_same_however_small_its_garment():
    prediction, target, weight = torch.ones(2, 1, 4, 4), torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4)
    weight[0].flatten()[1:] = 0
    assert losses.weighted_mse(prediction, target, weight).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("prediction_type", "alphas_cumprod"),
    [("v_prediction", 0.0), *itertools.product(["v_prediction", "epsilon"], [0.0047, 0.5, 0.999, 1.0])],
)
def test_the_exact_prediction_implies_the_clean_latent(prediction_type, alphas_cumprod):
    clean, noise = PAIR
    share = torch.full((SHAPE[0], 1, 1, 1), alphas_cumprod, dtype=torch.float64)
    noisy = share.sqrt() * clean + (1 - share).sqrt() * noise
    exact = share.sqrt() * noise - (1 - share).sqrt() * clean if prediction_type == "v_prediction" else noise
    torch.testing.assert_close(losses.predicted_clean(exact, noisy, share, prediction_type), clean)


@pytest.mark.parametrize("prediction_type", ["v_prediction", "epsilon"])
def test_preserve_depends_on_the_outside_of_the_garment_only(prediction_type):
    source, other = PAIR
    tight = constant(0)
    tight[..., 1:3, 2:4] = 1
    alphas_cumprod = torch.full((SHAPE[0], 1, 1, 1), 0.3, dtype=torch.float64)
    changed_inside, changed_outside = (torch.where(t.bool(), other, source) for t in (tight, 1 - tight))
    assert losses.preserve(changed_inside, source, tight, alphas_cumprod, prediction_type).tolist() == [0.0] * SHAPE[0]
    gain = 0.3 if prediction_type == "epsilon" else 1.0
    found = losses.preserve(changed_outside, source, tight, alphas_cumprod, prediction_type)
    torch.testing.assert_close(found, gain * by_loop(other, source, 1 - tight))
    all_garment = losses.preserve(other, source, constant(1), alphas_cumprod, prediction_type)
    assert all_garment.tolist() == [0.0] * SHAPE[0]


def test_prior_asks_for_the_target_inside_and_for_the_base_outside():
    prediction, base = PAIR[0].clone().requires_grad_(), torch.randn(*SHAPE, dtype=torch.float64)
    target, tight = PAIR[1], random_zones()[:, :1]
    found = losses.prior(prediction, target, base, tight, 0.7)
    inside, outside = by_loop(PAIR[0], target, tight), by_loop(PAIR[0], base, 1 - tight)
    torch.testing.assert_close(found.detach(), inside + 0.7 * outside)
    (gradient,) = torch.autograd.grad(found.sum(), prediction)
    weights = [mask / (SHAPE[1] * mask.sum((1, 2, 3), keepdim=True)) for mask in (tight, 1 - tight)]
    expected = 2 * weights[0] * (PAIR[0] - target) + 1.4 * weights[1] * (PAIR[0] - base)
    torch.testing.assert_close(gradient, expected)


def test_prior_leaves_the_base_alone_outside_the_garment():
    tight = constant(0)
    tight[:, :, 1:3, 2:4] = 1
    prediction = PAIR[0].clone().requires_grad_()
    losses.prior(prediction, PAIR[1], PAIR[0], tight, 3.0).sum().backward()
    assert ((prediction.grad != 0) == tight.bool().expand(SHAPE)).all()
    whole = losses.prior(*PAIR, PAIR[0], constant(1), 3.0).mean()  # no outside: the plain loss
    torch.testing.assert_close(whole, mse_loss(*PAIR))


def test_zone_errors_add_up_over_batches_and_equal_a_loop():
    zones = random_zones(1)
    whole = losses.zone_means(*losses.zone_errors(*PAIR, zones))
    parts = [losses.zone_errors(PAIR[0][rows], PAIR[1][rows], zones[rows]) for rows in (slice(0, 1), slice(1, 3))]
    torch.testing.assert_close(losses.zone_means(*(sum(part) for part in zip(*parts, strict=True))), whole)
    squared = (PAIR[0] - PAIR[1]).square()
    for z in range(3):
        above = sum(float((squared[b].mean(dim=0) * zones[b, z]).sum()) for b in range(SHAPE[0]))
        assert float(whole[z]) == pytest.approx(above / float(zones[:, z].sum()), rel=1e-12)


def test_a_zone_without_area_has_error_zero():
    zones = torch.zeros(SHAPE[0], 3, *SHAPE[2:], dtype=torch.float64)
    zones[:, 2] = 1
    means = losses.zone_means(*losses.zone_errors(*PAIR, zones))
    assert means.tolist() == pytest.approx([0.0, 0.0, float(mse_loss(*PAIR))], rel=1e-12, abs=0)
