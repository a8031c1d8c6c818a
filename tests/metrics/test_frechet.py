"""The Fréchet distance against closed forms and scipy's matrix square root."""

import numpy as np
import pytest
import scipy.linalg
import torch

from atelier.metrics.frechet import frechet_distance, pooled_features
from atelier.models.feature_net import FeatureNet


def drawn(seed: int, count: int, width: int, mixed: bool = True) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = rng.standard_normal((count, width))
    return found @ rng.standard_normal((width, width)) + rng.standard_normal(width) if mixed else found


def ours(first: np.ndarray, second: np.ndarray) -> float:
    return frechet_distance(torch.from_numpy(first), torch.from_numpy(second))


def test_distance_equals_scipy_s_and_closed_forms_in_float64():
    first, second = drawn(1, 40, 6), drawn(2, 30, 6)
    covariances = np.cov(first.T), np.cov(second.T)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    gap = first.mean(0) - second.mean(0)
    expected = gap @ gap + np.trace(covariances[0] + covariances[1] - 2 * root.real)
    assert ours(first, second) == pytest.approx(expected, rel=1e-9)
    assert ours(second, first) == pytest.approx(expected, rel=1e-9)
    first, shift = drawn(3, 50, 5), np.array([1.0, -2.0, 0.5, 0.0, 3.0])  # equal covariances
    assert ours(first, first + shift) == pytest.approx(shift @ shift, rel=1e-7)
    assert ours(first, first) == pytest.approx(0, abs=1e-6)
    first, second = drawn(4, 20, 1), drawn(5, 25, 1)  # one dimension: differences of mean and deviation
    expected = (first.mean() - second.mean()) ** 2 + (first.std(ddof=1) - second.std(ddof=1)) ** 2
    assert ours(first, second) == pytest.approx(expected, rel=1e-9)
    first, second = (torch.from_numpy(drawn(seed, 30, 8)).float() + 1e3 for seed in (8, 9))
    assert frechet_distance(first, second) == frechet_distance(first.double(), second.double())


def test_with_fewer_images_than_features_the_real_part_is_exact():
    """Tr (Σ₁ Σ₂)^½ is the sum of the singular values of the product of both sets' deviations, hence real."""
    first, second = drawn(6, 5, 64, mixed=False), drawn(7, 7, 64, mixed=False)
    deviations = [(found - found.mean(0)) / np.sqrt(len(found) - 1) for found in (first, second)]
    overlap = np.linalg.svd(deviations[0] @ deviations[1].T, compute_uv=False).sum()
    gap = first.mean(0) - second.mean(0)
    expected = gap @ gap + sum((found**2).sum() for found in deviations) - 2 * overlap
    product = np.cov(first.T) @ np.cov(second.T)
    assert np.iscomplexobj(np.emath.sqrt(np.linalg.eigvals(product)))  # hence the real part is used
    assert ours(first, second) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("first", "second"), [((1, 4), (5, 4)), ((5, 4), (5, 3)), ((5,), (5, 4))])
def test_sets_without_a_distance_are_refused(first, second):
    with pytest.raises(ValueError, match="got"):
        frechet_distance(torch.zeros(first), torch.zeros(second))


def test_pooled_features_are_named_and_take_images_in_0_1(tmp_path):
    torch.manual_seed(0)
    net = FeatureNet((4, 8)).eval()
    net.save(tmp_path / "net")
    pictures = torch.rand(3, 3, 16, 16)
    features = pooled_features(str(tmp_path / "net"))
    assert features.name == str(tmp_path / "net")
    torch.testing.assert_close(features.of(pictures), net.pooled(pictures * 2 - 1).detach())
