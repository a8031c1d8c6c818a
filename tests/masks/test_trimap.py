import numpy as np
import pytest
import torch

from atelier.images.boxes import box_of, scale_box
from atelier.masks.trimap import TrimapZones, to_latent, zones


def parts(trimap: TrimapZones) -> tuple[torch.Tensor, ...]:
    return trimap.tight, trimap.context, trimap.background


@pytest.mark.parametrize("box", [[2, 3, 7, 9], [0, 0, 10, 12], [0, 0, 3, 3], [8, 10, 10, 12]])
def test_zones_are_equation_1(box):
    """Compare with equation 1's regions, pixel by pixel, for boxes on whole pixels."""
    mask = np.random.default_rng(0).random((12, 10)) < 0.3
    found = zones(torch.from_numpy(mask)[None].float(), torch.tensor([box], dtype=torch.float32))
    for y, x in np.ndindex(mask.shape):
        inside = box[0] <= x < box[2] and box[1] <= y < box[3]
        region = "tight" if mask[y, x] else "context" if inside else "background"
        expected = [float(region == name) for name in ("tight", "context", "background")]
        assert [part[0, 0, y, x].item() for part in parts(found)] == expected


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])  # an empty and a full mask too
@pytest.mark.parametrize("box", [[1.3, 2.6, 17.9, 15.2], [0, 0, 20, 16], [19.5, 0.2, 20, 16], [5, 5, 5, 5]])
def test_zones_sum_to_one_at_both_scales(share, box):
    mask = (torch.rand(3, 1, 16, 20, generator=torch.Generator().manual_seed(1)) < share).float()
    found = zones(mask, torch.tensor([box] * 3, dtype=torch.float32))
    small = to_latent(found, (4, 5))
    for trimap, size in ((found, (16, 20)), (small, (4, 5))):
        assert all(part.shape == (3, 1, *size) for part in parts(trimap))
        assert all(part.min() >= 0 and part.max() <= 1 for part in parts(trimap))
        torch.testing.assert_close(sum(parts(trimap)), torch.ones(3, 1, *size))


def test_the_latent_grid_averages_areas():
    mask = torch.zeros(1, 8, 8)
    mask[0, :3, :2] = 1
    small = to_latent(zones(mask, torch.tensor([[0.0, 0.0, 4.0, 4.0]])), (2, 2))
    assert small.tight[0, 0].tolist() == [[6 / 16, 0], [0, 0]]
    assert small.context[0, 0].tolist() == [[10 / 16, 0], [0, 0]]
    assert small.background[0, 0].tolist() == [[0, 1], [1, 1]]


def test_a_box_edge_inside_a_pixel_covers_its_share():
    found = zones(torch.zeros(1, 4, 4), torch.tensor([[0.75, 0.0, 2.5, 4.0]]))
    assert found.context[0, 0, 0].tolist() == [0.25, 1.0, 0.5, 0.0]


@pytest.mark.parametrize(("mask", "boxes"), [((2, 3, 8, 8), (2, 4)), ((2, 1, 8, 8), (1, 4)), ((8, 8), (8, 4))])
def test_wrong_shapes_are_reported(mask, boxes):
    with pytest.raises(ValueError, match=r"expected masks .* got"):
        zones(torch.zeros(mask), torch.zeros(boxes))


def test_box_of_a_mask_and_back():
    mask = np.zeros((9, 11), bool)
    mask[2, 4] = mask[7, 10] = True
    assert box_of(mask) == [4.0, 2.0, 11.0, 8.0]
    with pytest.raises(ValueError, match="empty"):
        box_of(np.zeros((3, 3), bool))


def test_boxes_are_scaled_about_the_centre_and_clipped():
    assert scale_box([20, 40, 40, 60], 1.15, 100, 100) == pytest.approx([18.5, 38.5, 41.5, 61.5])
    assert scale_box([0, 10, 100, 100], 1.15, 100, 100) == pytest.approx([0, 3.25, 100, 100])
