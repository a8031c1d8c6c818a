"""Leakage metrics against loops and on images with known answers."""

import numpy as np
import pytest
import torch

from atelier.metrics.leakage import change_inside, change_map, leakage_density, leakage_share, right_garment, rms


@pytest.fixture(scope="module")
def source() -> torch.Tensor:
    return torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(0)) * 0.5


@pytest.fixture(scope="module")
def mask() -> torch.Tensor:
    mask = torch.zeros(2, 1, 12, 12)
    mask[:, :, 2:8, 3:9] = 1
    return mask


def test_leakage_equals_a_loop(source, mask):
    edited = source + torch.rand(source.shape, generator=torch.Generator().manual_seed(1)) * 0.5
    change = change_map(source, edited)
    for row in range(2):
        inside, outside = [], []
        for y in range(12):
            for x in range(12):
                delta = np.mean([abs(float(edited[row, c, y, x] - source[row, c, y, x])) for c in range(3)])
                (inside if mask[row, 0, y, x] else outside).append(delta)
        share = sum(outside) / (sum(inside) + sum(outside))
        assert leakage_share(change, mask)[row].item() == pytest.approx(share, rel=1e-4)
        assert leakage_density(change, mask)[row].item() == pytest.approx(np.mean(outside) / np.mean(inside), rel=1e-4)


def test_leakage_of_edits_with_known_leakage(source, mask):
    for edited, share, density in (
        (source + 0.3 * mask, 0.0, 0.0),
        (source + 0.3 * (1 - mask), 1.0, 0.3 * 255),
        (source + 0.3, 1 - 36 / 144, 1.0),
        (source, 0.0, 0.0),
    ):
        change = change_map(source, edited)
        assert leakage_share(change, mask).tolist() == pytest.approx([share] * 2, abs=1e-5)
        assert leakage_density(change, mask).tolist() == pytest.approx([density] * 2, rel=1e-4, abs=1e-5)


def test_reconstruction_error_is_not_leakage(source, mask):
    reconstruction = source + 0.05
    floor = change_map(source, reconstruction)
    assert leakage_share(change_map(source, reconstruction, floor), mask).max() == 0
    assert leakage_share(change_map(source, reconstruction + 0.3 * mask, floor), mask).max() == 0
    assert leakage_share(change_map(source, source, floor), mask).max() == 0
    assert leakage_share(change_map(source, reconstruction + 0.3, floor), mask).min() > 0.7


def test_right_garment_compares_the_changes_of_two_garments(source, mask):
    other = torch.zeros_like(mask)
    other[:, :, 9:, :] = 1
    change = change_map(source, source + 0.2 * mask + 0.1 * other)
    assert right_garment(change, mask, other).tolist() == [1, 1]
    assert right_garment(change, other, mask).tolist() == [0, 0]
    assert right_garment(change_map(source, source), mask, other).tolist() == [0, 0]
    assert right_garment(change, mask, torch.zeros_like(mask)).isnan().all()


def test_right_garment_does_not_depend_on_size(source, mask):
    large = torch.zeros_like(mask)
    large[:, :, 8:, :] = 1
    small = torch.zeros_like(mask)
    small[:, :, 2:4, 3:5] = 1
    change = change_map(source, source + 0.2 * small + 0.1 * large)
    assert change[0, 0][large[0, 0] > 0].sum() > change[0, 0][small[0, 0] > 0].sum()
    assert right_garment(change, small, large).tolist() == [1, 1]


def test_change_of_garment_and_of_image_equal_a_loop(source, mask):
    edited = source + torch.rand(source.shape, generator=torch.Generator().manual_seed(2)) * 0.3
    floor = torch.full((2, 1, 12, 12), 0.1)
    inside, moved = change_inside(source, edited, mask), rms(change_map(source, edited, floor))
    for row in range(2):
        difference = (edited - source)[row].numpy()
        squares = [difference[c, y, x] ** 2 for c in range(3) for y in range(2, 8) for x in range(3, 9)]
        assert inside[row].item() == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-4)
        beyond = [max(np.abs(difference[:, y, x]).mean() - 0.1, 0) ** 2 for y in range(12) for x in range(12)]
        assert moved[row].item() == pytest.approx(np.sqrt(np.mean(beyond)), rel=1e-4)
    assert change_inside(source, source, mask).max() == 0
    assert change_inside(torch.zeros_like(source), torch.ones_like(source), mask).tolist() == [1, 1]
