"""Diffusion and flow matching: noise, targets and weights, against diffusers' own schedulers and loops over samples."""

import pytest
import torch
from diffusers import DDPMScheduler, FlowMatchEulerDiscreteScheduler
from diffusers.training_utils import compute_snr
from scipy import stats

from atelier.common.rng import make_generator
from atelier.models.diffusion import Diffusion, Flow, min_snr_weight

TIMES = torch.tensor([0, 1, 400, 900, 999])


@pytest.mark.parametrize("rescaled", [False, True])
@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_diffusion_equals_diffusers(prediction_type, rescaled):
    scheduler = DDPMScheduler(prediction_type=prediction_type, rescale_betas_zero_snr=rescaled)
    clean, noise = torch.randn(2, 5, 4, 8, 8, generator=make_generator(1))
    made = Diffusion(scheduler.alphas_cumprod, prediction_type).noise(clean, noise, TIMES)
    torch.testing.assert_close(made.noisy, scheduler.add_noise(clean, noise, TIMES))
    target = noise if prediction_type == "epsilon" else scheduler.get_velocity(clean, noise, TIMES)
    torch.testing.assert_close(made.target, target)
    assert (made.weight.tolist(), made.timesteps.tolist()) == ([1.0] * 5, TIMES.tolist())


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_min_snr_weights_by_the_papers_formula(prediction_type):
    scheduler = DDPMScheduler(prediction_type=prediction_type)
    process = Diffusion(scheduler.alphas_cumprod, prediction_type, snr_gamma=5.0)
    ratios = compute_snr(scheduler, TIMES).tolist()
    expected = [min(ratio, 5.0) / (ratio if prediction_type == "epsilon" else ratio + 1) for ratio in ratios]
    made = process.noise(*torch.randn(2, 5, 4, 8, 8, generator=make_generator(2)), TIMES)
    torch.testing.assert_close(made.weight, torch.tensor(expected), rtol=1e-4, atol=1e-6)


def test_min_snr_weights_are_finite_at_zero_terminal_snr():
    """Such a schedule ends in ᾱ = 0, where the formula is 0/0."""
    alphas_cumprod = torch.tensor([0.0, 0.5, 1.0])
    assert min_snr_weight(alphas_cumprod, 5.0, "epsilon").tolist() == [1.0, 1.0, 0.0]
    assert min_snr_weight(alphas_cumprod, 5.0, "v_prediction").tolist() == [0.0, 0.5, 0.0]


def test_flow_equals_diffusers():
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    clean, noise = torch.randn(2, 4, 16, 8, 8, generator=make_generator(3))
    shares = scheduler.sigmas[[0, 10, 500, 999]]
    made = Flow(shift=3.0).noise(clean, noise, shares)
    torch.testing.assert_close(made.timesteps, scheduler.timesteps[[0, 10, 500, 999]])
    torch.testing.assert_close(made.noisy, scheduler.scale_noise(clean, made.timesteps, noise))
    torch.testing.assert_close(made.target, noise - clean)
    torch.testing.assert_close(made.noisy - shares.view(-1, 1, 1, 1) * made.target, clean, atol=1e-5, rtol=1e-4)


def test_noise_shares_are_logit_normal_before_the_shift():
    drawn = Flow(shift=3.0, mean=0.4, spread=0.8).draw(20_000, make_generator(5)).double()
    assert 0 < drawn.min() < drawn.max() < 1
    before = drawn / (3 - 2 * drawn)  # the inverse of 3 σ / (1 + 2 σ)
    assert stats.kstest(torch.logit(before).numpy(), stats.norm(0.4, 0.8).cdf).pvalue > 0.01


def test_velocity_errors_have_equal_weights_by_default():
    """diffusers' SD3 script turns the prediction into a clean latent first, which weights every error by σ²."""
    clean, noise, prediction = torch.randn(3, 6, 16, 8, 8, generator=make_generator(6))
    shares = Flow().draw(6, make_generator(7))
    plain, asked = (Flow(error=error).noise(clean, noise, shares) for error in ("velocity", "clean"))
    errors = (prediction - plain.target).square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(errors * plain.weight, errors)
    sigmas = shares.view(-1, 1, 1, 1)
    preconditioned = prediction * -sigmas + plain.noisy  # theirs
    theirs = (preconditioned - clean).square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(errors * asked.weight, theirs, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(theirs, errors, rtol=0.1)


@pytest.mark.parametrize("process", [Diffusion(torch.linspace(1, 0, 1000), "epsilon"), Flow()])
def test_times_are_a_function_of_the_generator(process):
    first, again, other = (process.draw(8, make_generator(number)) for number in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
