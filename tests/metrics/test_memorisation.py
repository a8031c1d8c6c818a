"""Memorisation against scipy and plain arithmetic."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.spatial.distance import cdist

from atelier.metrics.memorisation import coarse_pixels, memorisation, nearest, spacing


def test_memorisation_is_1_for_a_copy_and_0_at_the_spacing_of_training_images():
    rng = np.random.default_rng(2)
    training = torch.from_numpy(rng.normal(size=(9, 20)))
    inner = cdist(training, training)
    np.fill_diagonal(inner, np.inf)
    typical = np.sort(inner.min(1))[4]
    assert spacing(training) == pytest.approx(typical)
    direction = F.normalize(torch.from_numpy(rng.normal(size=20)), dim=0)
    near = training[3] + 0.25 * typical * direction
    values = torch.stack([training[6], near, training[0] + 90 * direction])
    expected = [1.0, 1 - cdist(near[None], training).min() / typical, 0.0]
    assert memorisation(values, training).tolist() == pytest.approx(expected)
    assert nearest(values, training)[1][:2].tolist() == [6, 3]


def test_training_sets_without_spacing_are_refused():
    for count, message in ((1, "needs two"), (3, "have a copy")):
        with pytest.raises(ValueError, match=message):
            spacing(torch.zeros(count, 4))


def test_coarse_pixels_are_means_over_areas():
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    expected = pictures.numpy().reshape(2, 3, 32, 2, 32, 2).mean((3, 5)).reshape(2, -1)
    np.testing.assert_allclose(coarse_pixels(pictures).numpy(), expected, rtol=1e-5)
