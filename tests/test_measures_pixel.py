"""Pixel measures against scikit-image and plain loops."""

import numpy as np
import pytest
import torch
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from atelier.images import to_tensor
from atelier.measures import pixel


@pytest.fixture(scope="module")
def pictures() -> tuple[np.ndarray, np.ndarray]:
    """Smooth pictures and noisy versions of them, uint8 (4, 40, 32, 3)."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(0, 255, (4, 10, 8, 3)).repeat(4, 1).repeat(4, 2)
    noise = rng.normal(0, 20, coarse.shape) * np.array([0.2, 0.5, 1, 3])[:, None, None, None]
    return coarse.astype(np.uint8), np.clip(coarse + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def mask() -> torch.Tensor:
    mask = torch.zeros(4, 1, 40, 32)
    mask[:, :, 12:30, 8:25] = 1
    return mask


def test_whole_picture_measures_equal_scikit_image(pictures):
    source, edited = map(to_tensor, pictures)
    for row, (first, second) in enumerate(zip(*pictures, strict=True)):
        first, second = first / 255, second / 255
        gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        expected = structural_similarity(first, second, data_range=1.0, channel_axis=-1, **gaussian)
        assert pixel.ssim(source, edited)[row].item() == pytest.approx(expected, abs=1e-4)
        assert pixel.psnr(source, edited)[row].item() == pytest.approx(
            peak_signal_noise_ratio(first, second, data_range=1.0), abs=1e-3
        )
        assert pixel.squared_error(source, edited)[row].item() == pytest.approx(
            mean_squared_error(first, second), abs=1e-6
        )


def test_outside_measures_equal_a_loop_over_the_pixels_outside(pictures, mask):
    source, edited = map(to_tensor, pictures)
    for row in range(4):
        errors = [
            ((source[row, :, y, x] - edited[row, :, y, x]) ** 2).mean().item()
            for y in range(40)
            for x in range(32)
            if mask[row, 0, y, x] == 0
        ]
        expected = float(np.mean(errors))
        assert pixel.squared_error(source, edited, mask)[row].item() == pytest.approx(expected, rel=1e-4)
        assert pixel.psnr(source, edited, mask)[row].item() == pytest.approx(-10 * np.log10(expected), abs=1e-3)


def test_outside_measures_do_not_see_the_garment_nor_depend_on_its_size(mask):
    source = torch.rand(4, 3, 40, 32, generator=torch.Generator().manual_seed(0)) * 0.8
    recoloured = source * (1 - mask) + (1 - source) * mask
    assert torch.equal(pixel.ssim(source, recoloured, mask), torch.ones(4))
    assert pixel.psnr(source, recoloured, mask).min() > 58
    shifted = source + 0.1  # the same damage everywhere: as much outside a large mask as outside a small one
    small = torch.zeros_like(mask)
    small[:, :, :3, :3] = 1
    torch.testing.assert_close(pixel.psnr(source, shifted, mask), pixel.psnr(source, shifted, small), atol=1e-3, rtol=0)


def test_a_copy_has_the_psnr_of_rounding_and_an_ssim_of_one(pictures):
    source = to_tensor(pictures[0])
    assert pixel.psnr(source, source).tolist() == pytest.approx([58.92] * 4, abs=0.01)
    torch.testing.assert_close(pixel.ssim(source, source), torch.ones(4))


def test_a_mask_over_everything_leaves_nothing_to_measure():
    source = torch.rand(1, 3, 16, 16)
    assert pixel.squared_error(source, 1 - source, torch.ones(1, 1, 16, 16)).isnan().all()


def test_ssim_refuses_a_picture_smaller_than_its_window():
    with pytest.raises(ValueError, match="over 10 px"):
        pixel.ssim(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8))
