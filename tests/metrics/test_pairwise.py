"""Pairwise similarity against scikit-image, scipy and loops over pairs."""

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from atelier.metrics.pairwise import mean_frechet, mean_psnr, mean_ssim, patch_features
from atelier.models.feature_net import FeatureNet

GENERATOR = torch.Generator().manual_seed(3)
BASE = torch.rand((1, 3, 40, 40), generator=GENERATOR)
GROUP = (BASE + 0.2 * torch.randn((4, 3, 40, 40), generator=GENERATOR)).clamp(0, 1)


def over_pairs(measure) -> float:
    pictures = [one.permute(1, 2, 0).double().numpy() for one in GROUP]
    return float(np.mean([measure(a, b) for a, b in combinations(pictures, 2)]))


def test_ssim_over_windows_that_fit_and_psnr_equal_scikit_image_s():
    gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}

    def inside(a, b):
        _, every = structural_similarity(a, b, channel_axis=-1, data_range=1, full=True, **gaussian)
        return every[5:-5, 5:-5].mean()

    assert mean_ssim(GROUP) == pytest.approx(over_pairs(inside), abs=1e-4)
    expected = over_pairs(lambda a, b: peak_signal_noise_ratio(a, b, data_range=1))
    assert mean_psnr(GROUP) == pytest.approx(expected, abs=1e-4)
    noisy = (GROUP + 0.3 * torch.randn(GROUP.shape, generator=torch.Generator().manual_seed(2))).clamp(0, 1)
    assert mean_ssim(noisy) < mean_ssim(GROUP)
    assert mean_psnr(noisy) < mean_psnr(GROUP)


def test_frechet_equals_scipy_s_over_every_pair():
    patches = torch.randn((3, 50, 6), generator=torch.Generator().manual_seed(1)) + torch.arange(3.0)[:, None, None]

    def distance(a, b):
        first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
        return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first + second - 2 * sqrtm(first @ second).real)

    expected = np.mean([distance(a, b) for a, b in combinations(patches.double().numpy(), 2)])
    assert mean_frechet(patches) == pytest.approx(expected, rel=1e-5)


def test_a_repeated_image_is_perfect():
    """Hence the anomaly study reports it as a control."""
    same = GROUP[:1].repeat(3, 1, 1, 1)
    assert mean_ssim(same) == pytest.approx(1)
    assert mean_psnr(same) == pytest.approx(100)
    assert mean_frechet(torch.randn(1, 50, 6).repeat(3, 1, 1)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("measure", [mean_ssim, mean_psnr])
def test_a_single_image_has_no_pairs(measure):
    with pytest.raises(ValueError, match="a group of 1 has no pairs"):
        measure(GROUP[:1])


def test_patches_are_the_places_of_the_stage_s_grid():
    torch.manual_seed(0)
    net = FeatureNet((4, 6)).eval()
    found = patch_features(net, GROUP, stage=1)
    assert found.shape == (4, 100, 6)
    with torch.no_grad():
        assert torch.equal(found[2, 37], net(GROUP * 2 - 1)[1][2, :, 3, 7])
