"""Pixel metrics against scikit-image. Metrics of regions are in test_regions."""

import numpy as np
import pytest
import torch
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from atelier.images.tensors import to_tensor
from atelier.metrics import pixel

RNG = np.random.default_rng(0)
SMOOTH = RNG.uniform(0, 255, (4, 10, 8, 3)).repeat(4, 1).repeat(4, 2)
NOISE = RNG.normal(0, 20, SMOOTH.shape) * np.array([0.2, 0.5, 1, 3])[:, None, None, None]
PICTURES = SMOOTH.astype(np.uint8), np.clip(SMOOTH + NOISE, 0, 255).astype(np.uint8)


def test_metrics_equal_scikit_image():
    source, edited = map(to_tensor, PICTURES)
    gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    for row, (first, second) in enumerate(zip(*PICTURES, strict=True)):
        first, second = first / 255, second / 255
        ssim = structural_similarity(first, second, data_range=1.0, channel_axis=-1, **gaussian)
        psnr = peak_signal_noise_ratio(first, second, data_range=1.0)
        error = pixel.squared_error(source, edited)
        assert pixel.ssim(source, edited)[row].item() == pytest.approx(ssim, abs=1e-4)
        assert pixel.psnr(error)[row].item() == pytest.approx(psnr, abs=1e-3)
        assert error[row].item() == pytest.approx(mean_squared_error(first, second), abs=1e-6)
        absolute = pixel.absolute_error(source, edited)[row].item()
        assert absolute == pytest.approx(np.abs(first - second).mean(), abs=1e-6)


def test_a_copy_has_the_psnr_of_rounding_and_ssim_one_and_small_images_have_no_ssim():
    source = to_tensor(PICTURES[0])
    assert pixel.psnr(pixel.squared_error(source, source)).tolist() == pytest.approx([58.92] * 4, abs=0.01)
    torch.testing.assert_close(pixel.ssim(source, source), torch.ones(4))
    with pytest.raises(ValueError, match="over 10 px"):
        pixel.ssim(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8))
