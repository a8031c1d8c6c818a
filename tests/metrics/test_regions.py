"""Preservation by region against loops, scikit-image and the `lpips` package; scores above the floor."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lpips import LPIPS
from skimage.metrics import structural_similarity

from atelier.masks import trimap
from atelier.metrics import regions
from atelier.metrics.lpips import Lpips
from atelier.metrics.pixel import SSIM_RADIUS, paste_inside

SIDE = 40
SOURCE = F.interpolate(torch.rand(2, 3, 10, 10, generator=torch.Generator().manual_seed(0)), SIDE, mode="bilinear")
EDITED = (SOURCE + 0.2 * torch.randn(SOURCE.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
GARMENT = torch.zeros(2, 1, SIDE, SIDE)
GARMENT[0, :, 10:26, 12:28] = GARMENT[1, :, 14:32, 8:20] = 1
ZONES = trimap.zones(GARMENT, torch.tensor([[10.0, 8.0, 30.0, 28.0], [6.0, 12.0, 22.0, 34.0]]))
MASKS = regions.region_masks(GARMENT, ZONES)


@pytest.fixture(scope="module")
def lpips(tiny_features_folder: Path) -> Lpips:
    return Lpips.load(str(tiny_features_folder))


def measure(lpips, edited, source=SOURCE, garment=GARMENT, masks=MASKS) -> dict[str, torch.Tensor]:
    layers = lpips.features(source), lpips.features(edited)
    return regions.measure_regions(regions.compare(source, edited, garment, lpips, *layers), masks)


@pytest.fixture(scope="module")
def scores(lpips) -> dict[str, torch.Tensor]:
    return measure(lpips, EDITED)


def of(mask: torch.Tensor, row: int) -> np.ndarray:
    return mask[row, 0].numpy() > 0


def test_regions_are_the_trimap_s_without_the_garment():
    assert list(MASKS) == list(regions.REGIONS)
    for row in range(2):
        inside = of(MASKS["tight"], row)
        boxed = np.zeros((SIDE, SIDE), bool)
        boxed[(slice(8, 28), slice(12, 34))[row], (slice(10, 30), slice(6, 22))[row]] = True
        assert (of(MASKS["context"], row) == (boxed & ~inside)).all()
        assert (of(MASKS["background"], row) == ~boxed).all()
        assert (of(MASKS["outside"], row) == ~inside).all()


@pytest.mark.parametrize("region", regions.REGIONS)
def test_scores_equal_a_loop_scikit_image_s_map_and_the_lpips_package_s_over_the_region(region, scores, lpips):
    shown = EDITED if region == "tight" else paste_inside(SOURCE, EDITED, GARMENT)
    lpips.metric.spatial = True
    with torch.no_grad():
        distances = lpips.metric(SOURCE, shown, normalize=True)
    lpips.metric.spatial = False
    gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    inner = (slice(SSIM_RADIUS, -SSIM_RADIUS),) * 2
    for row in range(2):
        mask = of(MASKS[region], row)
        ours = {name: scores[f"{name}_{region}"][row].item() for name in ("mse", "psnr", "ssim", "lpips")}
        error = np.mean([((SOURCE[row, :, y, x] - EDITED[row, :, y, x]) ** 2).mean() for y, x in np.argwhere(mask)])
        assert ours["mse"] == pytest.approx(error, rel=1e-4)
        assert ours["psnr"] == pytest.approx(-10 * np.log10(error), abs=1e-3)
        first, second = (picture[row].permute(1, 2, 0).double().numpy() for picture in (SOURCE, shown))
        _, found = structural_similarity(first, second, data_range=1.0, channel_axis=-1, full=True, **gaussian)
        assert ours["ssim"] == pytest.approx(found[inner][mask[inner]].mean(), abs=1e-4)
        assert ours["lpips"] == pytest.approx(distances[row, 0].numpy()[mask].mean(), rel=1e-4)


@pytest.mark.filterwarnings("ignore::UserWarning:torchvision")
def test_whole_distances_equal_the_package_s_with_and_without_learnt_weights(lpips):
    """AlexNet's layers are random here; LPIPS' learnt linear heads are part of the package."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        learnt = LPIPS(net="alex", pretrained=True, pnet_rand=True, verbose=False).eval().requires_grad_(False)
    for ours in (lpips, Lpips("alex", learnt)):
        with torch.no_grad():
            expected = ours.metric(SOURCE, EDITED, normalize=True).flatten()
        torch.testing.assert_close(ours.distance(SOURCE, EDITED), expected)


def test_scores_above_the_floor_are_differences_clamped_at_zero(lpips, scores):
    floors = measure(lpips, (SOURCE + 0.03).clamp(0, 1))
    lost = regions.above_floor(floors, floors)
    assert list(lost) == [f"{name}_above_floor" for name in floors]
    copied = regions.above_floor(measure(lpips, SOURCE), floors)
    assert all((values == 0).all() for values in (*lost.values(), *copied.values()))
    worse = regions.above_floor(scores, floors)
    assert all((values > 0).all() for values in worse.values())
    for name, sign in (("mse", 1), ("psnr", -1), ("ssim", -1), ("lpips", 1)):
        expected = sign * (scores[f"{name}_background"] - floors[f"{name}_background"])
        torch.testing.assert_close(worse[f"{name}_background_above_floor"], expected)


def test_damage_counts_only_in_the_region_where_it_is(lpips):
    recoloured = measure(lpips, SOURCE * (1 - GARMENT) + (1 - SOURCE) * GARMENT)
    flooded = measure(lpips, SOURCE * GARMENT + (1 - SOURCE) * (1 - GARMENT))
    for region in ("outside", "context", "background"):
        assert recoloured[f"mse_{region}"].max() == recoloured[f"lpips_{region}"].max() == 0
        assert (recoloured[f"ssim_{region}"] == 1).all()
        assert recoloured[f"psnr_{region}"].min() > 58
        assert flooded[f"lpips_{region}"].min() > 0.01
    assert recoloured["mse_tight"].min() > 0.01
    assert flooded["mse_tight"].max() == 0


def test_scores_outside_do_not_depend_on_the_size_of_the_garment_and_without_one_are_those_of_the_image(lpips):
    source = SOURCE * 0.8
    small, nothing = torch.zeros(2, *GARMENT.shape)
    small[:, :, :3, :3] = 1
    found = [measure(lpips, source + 0.1, source, mask, {"outside": 1 - mask}) for mask in (GARMENT, small)]
    torch.testing.assert_close(found[0]["psnr_outside"], found[1]["psnr_outside"], atol=1e-3, rtol=0)
    whole = measure(lpips, 1 - SOURCE, garment=nothing, masks={"outside": 1 - nothing})["lpips_outside"]
    torch.testing.assert_close(whole, lpips.distance(SOURCE, 1 - SOURCE), rtol=0.1, atol=0)


def test_an_empty_region_has_no_score(lpips):
    everything = trimap.zones(GARMENT, torch.tensor([[0.0, 0.0, SIDE, SIDE]] * 2))
    found = measure(lpips, EDITED, masks=regions.region_masks(GARMENT, everything))
    assert all(values.isnan().all() == name.endswith("background") for name, values in found.items())
