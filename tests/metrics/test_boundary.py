"""The band along a mask's edge: its pixels by brute force, its errors by hand, soft edges ranked below exact ones."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from atelier import world
from atelier.images.tensors import to_tensor
from atelier.metrics.boundary import band_width, bands, boundary_error

SIZE, COUNT = 64, 40


def test_the_band_holds_the_pixels_within_the_radius():
    """Against every distance from every pixel to every pixel of the other side."""
    mask = np.random.default_rng(0).random((2, 12, 17)) > 0.97
    mask[:, 4:9, 5:12] = True
    found = bands(torch.from_numpy(mask)[:, None].float(), 2.5)
    for row, one in enumerate(mask):
        for zone, band in zip((one, ~one), found, strict=True):
            own, other = np.argwhere(zone), np.argwhere(~zone)
            near = np.hypot(*(own[:, None] - other[None]).transpose(2, 0, 1)).min(1) <= 2.5
            assert {tuple(place) for place in own[near]} == {
                tuple(place) for place in torch.nonzero(band[row, 0]).tolist()
            }


def test_errors_are_those_of_a_square_by_hand():
    source, target = torch.zeros(1, 3, 20, 20), torch.zeros(1, 3, 20, 20)
    mask = torch.zeros(1, 1, 20, 20)
    mask[..., 5:15, 5:15] = 1
    target[..., 5:15, 5:15] = 1
    edited = target.clone()
    edited[..., 5, 5:15] = 0.5  # 10 of the 36 pixels of the ring inside
    edited[..., 4, 5:15] = 0.2  # 10 of the 40 pixels that touch the square from outside
    inside, outside = boundary_error(edited, mask, 1, source=source, target=target)
    assert inside.item() == pytest.approx(0.5 * 10 / 36)
    assert outside.item() == pytest.approx(0.2 * 10 / 40)
    untold, same = boundary_error(edited, mask, 1, source=source)
    assert untold.isnan().all()
    assert same == outside
    for empty in (torch.zeros_like(mask), torch.ones_like(mask)):
        assert all(one.isnan().all() for one in boundary_error(edited, empty, 3, source=source, target=target))


def test_a_soft_edge_ranks_below_the_exact_one():
    rng, ranked = np.random.default_rng(4), {"inside": [], "outside": [], "without target": []}
    for number in range(COUNT):
        scene = world.sample_outfit(rng, ("studio", "street")[number % 2])
        layout = world.lay_out(scene, SIZE)
        colour = "red" if scene.garments[scene.item].colour == "green" else "green"
        source, exact = (world.paint(one, layout) for one in (scene, world.edit(scene, scene.item, colour=colour)))
        garment = layout.coverage[scene.item] > 0
        share = gaussian_filter(garment.astype(float), 1.5)[..., None]
        new = np.where(garment[..., None], exact, (0, 150, 60))
        soft = (source * (1 - share) + new * share).round().astype(np.uint8)
        before, target, *edits = (to_tensor([one]) for one in (source, exact, exact, soft))
        mask = torch.from_numpy(garment)[None, None].float()
        known, unknown = (
            [torch.stack(boundary_error(one, mask, 3, source=before, target=goal)) for one in edits]
            for goal in (target, None)
        )
        ranked["inside"].append(bool(known[0][0] < known[1][0]))
        ranked["outside"].append(bool(known[0][1] < known[1][1]))
        ranked["without target"].append(bool(unknown[0][1] < unknown[1][1]))
    assert {name: np.mean(right) >= 0.95 for name, right in ranked.items()} == dict.fromkeys(ranked, True)


def test_the_band_grows_with_the_picture():
    assert [band_width(side, side // 2) for side in (64, 384, 1024, 2048)] == [3, 3, 8, 16]
