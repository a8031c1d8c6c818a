import pytest
import torch
from torch.nn.functional import mse_loss

from atelier.training import losses

SHAPE = (3, 4, 5, 6)


@pytest.fixture(name="pair")
def _pair() -> tuple[torch.Tensor, torch.Tensor]:
    dice = torch.Generator().manual_seed(0)
    return tuple(torch.randn(SHAPE, generator=dice, dtype=torch.float64) for _ in range(2))


def random_zones(seed: int = 0) -> torch.Tensor:
    """(B, 3, h, w) float64 shares that add up to 1 in each cell, as area-downsampled zones do."""
    shares = torch.rand((SHAPE[0], 3, *SHAPE[2:]), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return shares / shares.sum(dim=1, keepdim=True)


def by_loop(prediction, target, weight):
    """Calculate the weighted mean per sample, one number at a time."""
    result = []
    for b in range(SHAPE[0]):
        above = below = 0.0
        for c in range(SHAPE[1]):
            for i in range(SHAPE[2]):
                for j in range(SHAPE[3]):
                    w = float(weight[b, 0, i, j])
                    above += w * float(prediction[b, c, i, j] - target[b, c, i, j]) ** 2
                    below += w
        result.append(above / below)
    return torch.tensor(result, dtype=torch.float64)


def test_weighted_mse_equals_a_brute_force_loop(pair):
    weight = random_zones()[:, :1] * 3
    torch.testing.assert_close(losses.weighted_mse(*pair, weight), by_loop(*pair, weight), rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [1.0, 0.25, 7.0])
def test_equal_weights_give_plain_mse(pair, dtype, value):
    prediction, target = (tensor.to(dtype) for tensor in pair)
    weight = torch.full((SHAPE[0], 1, *SHAPE[2:]), value, dtype=dtype)
    torch.testing.assert_close(losses.weighted_mse(prediction, target, weight).mean(), mse_loss(prediction, target))


@pytest.mark.parametrize("scale", [1e-3, 10.0, 1e3])
def test_only_the_ratio_of_weights_matters(pair, scale):
    weight = random_zones()[:, :1]
    torch.testing.assert_close(losses.weighted_mse(*pair, weight * scale), losses.weighted_mse(*pair, weight))


@pytest.mark.parametrize(("lambda_ctx", "lambda_bg"), [(0.5, 2.0), (1.0, 1.0), (0.0, 0.0), (0.0, 3.0)])
def test_trimap_weight_equals_equation_1(lambda_ctx, lambda_bg):
    box = torch.zeros(1, 1, 6, 6, dtype=torch.float64)
    box[..., 1:5, 1:] = 1  # reaches the border
    mask = torch.zeros_like(box)
    mask[..., 2:4, 3:] = 1
    zones = mask, box * (1 - mask), 1 - box
    weight = losses.trimap_weight(*zones, lambda_ctx, lambda_bg)
    for i in range(6):
        for j in range(6):
            inside, boxed = float(mask[0, 0, i, j]), float(box[0, 0, i, j])
            expected = inside + lambda_ctx * boxed * (1 - inside) + lambda_bg * (1 - boxed)
            assert float(weight[0, 0, i, j]) == expected


def test_lambdas_of_one_are_plain_mse_whatever_the_zones(pair):
    weight = losses.trimap_weight(*random_zones().split(1, dim=1), 1.0, 1.0)
    torch.testing.assert_close(losses.weighted_mse(*pair, weight).mean(), mse_loss(*pair), rtol=1e-12, atol=0)


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["empty", "full"])
@pytest.mark.parametrize("lambdas", [(0.5, 2.0), (0.0, 0.0), (0.0, 2.0)])
def test_empty_and_full_masks_have_a_finite_loss_and_gradient(pair, share, lambdas):
    tight = torch.full((SHAPE[0], 1, *SHAPE[2:]), share, dtype=torch.float64)
    weight = losses.trimap_weight(tight, torch.zeros_like(tight), 1 - tight, *lambdas)
    prediction = pair[0].clone().requires_grad_()
    loss = losses.weighted_mse(prediction, pair[1], weight).mean()
    loss.backward()
    assert torch.isfinite(prediction.grad).all()
    said_nothing = share == 0 and lambdas[1] == 0
    expected = 0.0 if said_nothing else float(mse_loss(*pair))
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-12)


def test_each_sample_counts_the_same_however_small_its_garment():
    prediction = torch.ones(2, 1, 4, 4, dtype=torch.float64)
    weight = torch.zeros_like(prediction)
    weight[0, 0, 0, 0] = 1
    weight[1] = 1
    target = torch.zeros_like(prediction)
    assert losses.weighted_mse(prediction, target, weight).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("prediction_type", ["v_prediction", "epsilon"])
@pytest.mark.parametrize("alphas_cumprod", [0.0047, 0.5, 0.999, 1.0])
def test_the_exact_prediction_implies_the_clean_latent(pair, prediction_type, alphas_cumprod):
    clean, noise = pair
    share = torch.full((SHAPE[0], 1, 1, 1), alphas_cumprod, dtype=torch.float64)
    noisy = share.sqrt() * clean + (1 - share).sqrt() * noise
    exact = share.sqrt() * noise - (1 - share).sqrt() * clean if prediction_type == "v_prediction" else noise
    torch.testing.assert_close(losses.predicted_clean(exact, noisy, share, prediction_type), clean)


def test_velocity_at_zero_signal_implies_a_finite_clean_latent(pair):
    nothing = torch.zeros(SHAPE[0], 1, 1, 1, dtype=torch.float64)
    clean = losses.predicted_clean(-pair[0], pair[1], nothing, "v_prediction")
    torch.testing.assert_close(clean, pair[0])


@pytest.mark.parametrize("prediction_type", ["v_prediction", "epsilon"])
def test_preserve_depends_on_the_outside_of_the_garment_only(pair, prediction_type):
    source, other = pair
    tight = torch.zeros(SHAPE[0], 1, *SHAPE[2:], dtype=torch.float64)
    tight[..., 1:3, 2:4] = 1
    alphas_cumprod = torch.full((SHAPE[0], 1, 1, 1), 0.3, dtype=torch.float64)
    changed_inside = torch.where(tight.bool(), other, source)
    assert losses.preserve(changed_inside, source, tight, alphas_cumprod, prediction_type).tolist() == [0.0] * SHAPE[0]
    changed_outside = torch.where(tight.bool(), source, other)
    gain = 0.3 if prediction_type == "epsilon" else 1.0
    expected = gain * by_loop(other, source, 1 - tight)
    found = losses.preserve(changed_outside, source, tight, alphas_cumprod, prediction_type)
    torch.testing.assert_close(found, expected)


def test_preserve_of_an_image_that_is_all_garment_is_zero(pair):
    full = torch.ones(SHAPE[0], 1, *SHAPE[2:], dtype=torch.float64)
    alphas_cumprod = torch.full((SHAPE[0], 1, 1, 1), 0.5, dtype=torch.float64)
    assert losses.preserve(*pair, full, alphas_cumprod, "v_prediction").tolist() == [0.0] * SHAPE[0]


def test_zone_errors_add_up_over_batches_and_equal_a_loop(pair):
    zones = random_zones(1)
    whole = losses.zone_means(*losses.zone_errors(*pair, zones))
    parts = [losses.zone_errors(pair[0][rows], pair[1][rows], zones[rows]) for rows in (slice(0, 1), slice(1, 3))]
    torch.testing.assert_close(losses.zone_means(*(sum(part) for part in zip(*parts, strict=True))), whole)
    squared = (pair[0] - pair[1]).square()
    for z in range(3):
        above = sum(float((squared[b].mean(dim=0) * zones[b, z]).sum()) for b in range(SHAPE[0]))
        assert float(whole[z]) == pytest.approx(above / float(zones[:, z].sum()), rel=1e-12)


def test_a_zone_without_area_has_error_zero(pair):
    zones = torch.zeros(SHAPE[0], 3, *SHAPE[2:], dtype=torch.float64)
    zones[:, 2] = 1
    means = losses.zone_means(*losses.zone_errors(*pair, zones))
    assert means[:2].tolist() == [0.0, 0.0]
    assert float(means[2]) == pytest.approx(float(mse_loss(*pair)), rel=1e-12)
