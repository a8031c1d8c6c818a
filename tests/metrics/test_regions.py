"""Preservation by region against loops, scikit-image and the `lpips` package; scores above the floor."""

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from atelier.masks import trimap
from atelier.metrics import regions
from atelier.metrics.lpips import Lpips
from atelier.metrics.pixel import SSIM_RADIUS, paste_inside

SIDE = 40


@pytest.fixture(scope="module")
def lpips(tiny_features_folder: Path) -> Lpips:
    return Lpips.load(str(tiny_features_folder))


@pytest.fixture(scope="module")
def source() -> torch.Tensor:
    coarse = torch.rand(2, 3, 10, 10, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, SIDE, mode="bilinear")


@pytest.fixture(scope="module")
def edited(source) -> torch.Tensor:
    return (source + 0.2 * torch.randn(source.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)


@pytest.fixture(scope="module")
def garment() -> torch.Tensor:
    mask = torch.zeros(2, 1, SIDE, SIDE)
    mask[0, :, 10:26, 12:28] = 1
    mask[1, :, 14:32, 8:20] = 1
    return mask


@pytest.fixture(scope="module")
def zones(garment) -> trimap.TrimapZones:
    return trimap.zones(garment, torch.tensor([[10.0, 8.0, 30.0, 28.0], [6.0, 12.0, 22.0, 34.0]]))


@pytest.fixture(scope="module")
def masks(garment, zones) -> dict[str, torch.Tensor]:
    return regions.region_masks(garment, zones)


def measure(source, edited, garment, masks, lpips) -> dict[str, torch.Tensor]:
    layers = lpips.features(source), lpips.features(edited)
    return regions.measure_regions(regions.compare(source, edited, garment, lpips, *layers), masks)


@pytest.fixture(scope="module")
def scores(source, edited, garment, masks, lpips) -> dict[str, torch.Tensor]:
    return measure(source, edited, garment, masks, lpips)


def of(mask: torch.Tensor, row: int) -> np.ndarray:
    return mask[row, 0].numpy() > 0


def test_regions_are_the_trimap_s_without_the_garment(masks):
    assert list(masks) == list(regions.REGIONS)
    for row in range(2):
        inside = of(masks["tight"], row)
        boxed = np.zeros((SIDE, SIDE), bool)
        boxed[(slice(8, 28), slice(12, 34))[row], (slice(10, 30), slice(6, 22))[row]] = True
        assert (of(masks["context"], row) == (boxed & ~inside)).all()
        assert (of(masks["background"], row) == ~boxed).all()
        assert (of(masks["outside"], row) == ~inside).all()


@pytest.mark.parametrize("region", regions.REGIONS)
def test_errors_equal_a_loop_over_the_region(region, scores, masks, source, edited):
    for row in range(2):
        places = np.argwhere(of(masks[region], row))
        errors = [((source[row, :, y, x] - edited[row, :, y, x]) ** 2).mean().item() for y, x in places]
        assert scores[f"mse_{region}"][row].item() == pytest.approx(np.mean(errors), rel=1e-4)
        assert scores[f"psnr_{region}"][row].item() == pytest.approx(-10 * np.log10(np.mean(errors)), abs=1e-3)


@pytest.mark.parametrize("region", regions.REGIONS)
def test_ssim_equals_scikit_image_s_map_over_the_region(region, scores, masks, source, edited, garment):
    shown = edited if region == "tight" else paste_inside(source, edited, garment)
    for row in range(2):
        first, second = (picture[row].permute(1, 2, 0).double().numpy() for picture in (source, shown))
        gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        _, found = structural_similarity(first, second, data_range=1.0, channel_axis=-1, full=True, **gaussian)
        inner = (slice(SSIM_RADIUS, -SSIM_RADIUS),) * 2
        expected = found[inner][of(masks[region], row)[inner]].mean()
        assert scores[f"ssim_{region}"][row].item() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("region", regions.REGIONS)
def test_lpips_equals_the_package_s_own_map_over_the_region(region, scores, masks, source, edited, garment, lpips):
    shown = edited if region == "tight" else paste_inside(source, edited, garment)
    lpips.metric.spatial = True
    with torch.no_grad():
        found = lpips.metric(source, shown, normalize=True)
    lpips.metric.spatial = False
    for row in range(2):
        expected = found[row, 0].numpy()[of(masks[region], row)].mean()
        assert scores[f"lpips_{region}"][row].item() == pytest.approx(expected, rel=1e-4)


def test_whole_distances_equal_the_package_s(source, edited, lpips):
    with torch.no_grad():
        expected = lpips.metric(source, edited, normalize=True).flatten()
    torch.testing.assert_close(lpips.distance(source, edited), expected)


@pytest.mark.filterwarnings("ignore::UserWarning:torchvision")
def test_distances_with_learnt_weights_equal_the_package_s(source, edited):
    """AlexNet's layers are random here; LPIPS' learnt linear heads are part of the package."""
    import lpips as package

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        metric = package.LPIPS(net="alex", pretrained=True, pnet_rand=True, verbose=False).eval().requires_grad_(False)
    ours = Lpips("alex", metric)
    torch.testing.assert_close(ours.distance(source, edited), metric(source, edited, normalize=True).flatten())


def test_scores_above_the_floor_are_differences_clamped_at_zero(source, edited, garment, masks, lpips, scores):
    rebuilt = (source + 0.03).clamp(0, 1)
    floors = measure(source, rebuilt, garment, masks, lpips)
    lost = regions.above_floor(floors, floors)
    assert list(lost) == [f"{name}_above_floor" for name in floors]
    assert all((values == 0).all() for values in lost.values())
    copied = regions.above_floor(measure(source, source, garment, masks, lpips), floors)
    assert all((values == 0).all() for values in copied.values())
    worse = regions.above_floor(scores, floors)
    assert all((values > 0).all() for values in worse.values())
    for name, sign in (("mse", 1), ("psnr", -1), ("ssim", -1), ("lpips", 1)):
        expected = sign * (scores[f"{name}_background"] - floors[f"{name}_background"])
        torch.testing.assert_close(worse[f"{name}_background_above_floor"], expected)


def test_damage_counts_only_in_the_region_where_it_is(source, garment, masks, lpips):
    recoloured = measure(source, source * (1 - garment) + (1 - source) * garment, garment, masks, lpips)
    flooded = measure(source, source * garment + (1 - source) * (1 - garment), garment, masks, lpips)
    for region in ("outside", "context", "background"):
        assert recoloured[f"mse_{region}"].max() == recoloured[f"lpips_{region}"].max() == 0
        assert (recoloured[f"ssim_{region}"] == 1).all()
        assert recoloured[f"psnr_{region}"].min() > 58
        assert flooded[f"lpips_{region}"].min() > 0.01
    assert recoloured["mse_tight"].min() > 0.01
    assert flooded["mse_tight"].max() == 0


def test_scores_do_not_depend_on_the_size_of_the_garment(source, garment, zones, lpips):
    small = torch.zeros_like(garment)
    small[:, :, :3, :3] = 1
    source = source * 0.8
    found = [
        measure(source, source + 0.1, mask, {"outside": regions.region_masks(mask, zones)["outside"]}, lpips)
        for mask in (garment, small)
    ]
    torch.testing.assert_close(found[0]["psnr_outside"], found[1]["psnr_outside"], atol=1e-3, rtol=0)


def test_without_a_garment_the_distance_outside_is_that_of_the_whole_image(source, garment, lpips):
    nothing = torch.zeros_like(garment)
    found = measure(source, 1 - source, nothing, {"outside": 1 - nothing}, lpips)["lpips_outside"]
    torch.testing.assert_close(found, lpips.distance(source, 1 - source), rtol=0.1, atol=0)


def test_an_empty_region_has_no_score(source, edited, garment, lpips):
    everything = trimap.zones(garment, torch.tensor([[0.0, 0.0, SIDE, SIDE]] * 2))
    found = measure(source, edited, garment, regions.region_masks(garment, everything), lpips)
    assert all(values.isnan().all() == name.endswith("background") for name, values in found.items())
