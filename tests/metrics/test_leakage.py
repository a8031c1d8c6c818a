"""Leakage metrics against loops and on images with known answers."""

import numpy as np
import pytest
import torch

from atelier.metrics.leakage import change_inside, change_map, leakage_density, leakage_share, right_garment, rms

SOURCE = torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(0)) * 0.5
MASK = torch.zeros(2, 1, 12, 12)
MASK[:, :, 2:8, 3:9] = 1


def test_leakage_equals_a_loop():
    edited = SOURCE + torch.rand(SOURCE.shape, generator=torch.Generator().manual_seed(1)) * 0.5
    change = change_map(SOURCE, edited)
    for row in range(2):
        inside, outside = [], []
        for y in range(12):
            for x in range(12):
                delta = np.mean([abs(float(edited[row, c, y, x] - SOURCE[row, c, y, x])) for c in range(3)])
                (inside if MASK[row, 0, y, x] else outside).append(delta)
        share = sum(outside) / (sum(inside) + sum(outside))
        assert leakage_share(change, MASK)[row].item() == pytest.approx(share, rel=1e-4)
        assert leakage_density(change, MASK)[row].item() == pytest.approx(np.mean(outside) / np.mean(inside), rel=1e-4)


def test_leakage_of_edits_with_known_leakage_and_none_of_the_reconstruction_error():
    for edited, share, density in (
        (SOURCE + 0.3 * MASK, 0.0, 0.0),
        (SOURCE + 0.3 * (1 - MASK), 1.0, 0.3 * 255),
        (SOURCE + 0.3, 1 - 36 / 144, 1.0),
        (SOURCE, 0.0, 0.0),
    ):
        change = change_map(SOURCE, edited)
        assert leakage_share(change, MASK).tolist() == pytest.approx([share] * 2, abs=1e-5)
        assert leakage_density(change, MASK).tolist() == pytest.approx([density] * 2, rel=1e-4, abs=1e-5)
    reconstruction = SOURCE + 0.05
    floor = change_map(SOURCE, reconstruction)
    assert leakage_share(change_map(SOURCE, reconstruction, floor), MASK).max() == 0
    assert leakage_share(change_map(SOURCE, reconstruction + 0.3 * MASK, floor), MASK).max() == 0
    assert leakage_share(change_map(SOURCE, SOURCE, floor), MASK).max() == 0
    assert leakage_share(change_map(SOURCE, reconstruction + 0.3, floor), MASK).min() > 0.7


def test_right_garment_compares_the_changes_of_two_garments_whatever_their_size():
    other, large, small = torch.zeros(3, *MASK.shape)
    other[:, :, 9:, :] = 1
    change = change_map(SOURCE, SOURCE + 0.2 * MASK + 0.1 * other)
    assert right_garment(change, MASK, other).tolist() == [1, 1]
    assert right_garment(change, other, MASK).tolist() == [0, 0]
    assert right_garment(change_map(SOURCE, SOURCE), MASK, other).tolist() == [0, 0]
    assert right_garment(change, MASK, torch.zeros_like(MASK)).isnan().all()
    large[:, :, 8:, :] = 1
    small[:, :, 2:4, 3:5] = 1
    change = change_map(SOURCE, SOURCE + 0.2 * small + 0.1 * large)
    assert change[0, 0][large[0, 0] > 0].sum() > change[0, 0][small[0, 0] > 0].sum()
    assert right_garment(change, small, large).tolist() == [1, 1]


def test_change_of_garment_and_of_image_equal_a_loop():
    edited = SOURCE + torch.rand(SOURCE.shape, generator=torch.Generator().manual_seed(2)) * 0.3
    floor = torch.full((2, 1, 12, 12), 0.1)
    inside, moved = change_inside(SOURCE, edited, MASK), rms(change_map(SOURCE, edited, floor))
    for row in range(2):
        difference = (edited - SOURCE)[row].numpy()
        squares = [difference[c, y, x] ** 2 for c in range(3) for y in range(2, 8) for x in range(3, 9)]
        assert inside[row].item() == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-4)
        beyond = [max(np.abs(difference[:, y, x]).mean() - 0.1, 0) ** 2 for y in range(12) for x in range(12)]
        assert moved[row].item() == pytest.approx(np.sqrt(np.mean(beyond)), rel=1e-4)
    assert change_inside(SOURCE, SOURCE, MASK).max() == 0
    assert change_inside(torch.zeros_like(SOURCE), torch.ones_like(SOURCE), MASK).tolist() == [1, 1]
