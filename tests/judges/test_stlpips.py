"""ST-LPIPS against its package's own output, and the properties that a distance must have."""

import inspect
import json

import numpy as np
import pytest
import torch
from judge_references import REFERENCE, reference_inputs
from skimage import data
from skimage.transform import resize

from atelier.common.errors import UserError
from atelier.judges.folder import write_judge
from atelier.judges.stlpips import ALEXNET, KIND, LEAST_SIDE, ShiftTolerantAlexNet, StLpips, _largest
from atelier.metrics.lpips import Lpips, distance_map, mean_distance
from pretrain.judge_reference import MAP_SIZE, PAIR_SIZES, digest_of, draw_pairs

# Half precision rounds each weight by up to 0.05 %; measured, distances differ by up to 0.045 % and maps by 0.0003.
TOLERANCE, MAP_TOLERANCE = 1e-3, 1e-3


@pytest.fixture(scope="module")
def photos() -> torch.Tensor:
    """Three photographs (3, 3, 128, 128) in [0, 1]."""
    images = [
        resize(load()[:300, :300], (128, 128), anti_aliasing=True) for load in (data.astronaut, data.coffee, data.cat)
    ]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()


@pytest.mark.parametrize("size", PAIR_SIZES)
def test_distances_are_those_of_the_package(stlpips, size):
    name, pair = f"distance {size[0]} {size[1]}", draw_pairs(*size)
    assert digest_of(*pair) == reference_inputs()[name], "other pictures are drawn: the reference is not of these"
    torch.testing.assert_close(stlpips.distance(*pair), REFERENCE[name], rtol=TOLERANCE, atol=0)
    assert REFERENCE[name].unique().numel() == 4


def test_the_map_is_that_of_the_package_and_the_mean_that_of_lpips(stlpips):
    first, second = (one[2:3] for one in draw_pairs(*MAP_SIZE))
    differences = stlpips.differences(stlpips.features(first), stlpips.features(second))
    found = distance_map(differences, MAP_SIZE)
    torch.testing.assert_close(found, REFERENCE["map"], rtol=0, atol=MAP_TOLERANCE)
    assert REFERENCE["map"].max() > 2 * REFERENCE["map"].min() > 0
    assert torch.equal(mean_distance(differences), stlpips.distance(first, second))


@pytest.mark.parametrize("method", ["features", "differences", "distance"])
def test_it_can_stand_in_for_lpips(method):
    ours, theirs = (inspect.signature(getattr(one, method)) for one in (StLpips, Lpips))
    assert list(ours.parameters) == list(theirs.parameters)
    assert set(Lpips.__dataclass_fields__) - {"metric"} <= set(StLpips.__dataclass_fields__)


@pytest.mark.parametrize("size", [(64, 64), (128, 128), (256, 256), (512, 512), (64, 160), (301, 97), (LEAST_SIDE, 40)])
def test_every_size_has_a_distance_that_is_0_for_a_copy_symmetric_and_positive_for_another_image(stlpips, size):
    one, other = torch.rand(2, 1, 3, *size, generator=torch.Generator().manual_seed(0))
    layers, again, others = (stlpips.features(image) for image in (one, one.clone(), other))
    assert [layer.shape[1] for layer in layers] == list(ALEXNET)
    for layer in layers:
        lengths = layer.square().sum(1)
        assert ((lengths - 1).abs().lt(1e-4) | lengths.eq(0)).all()
    there, back = stlpips.differences(layers, others), stlpips.differences(others, layers)
    assert mean_distance(stlpips.differences(layers, again)).item() == 0
    assert mean_distance(there).item() == mean_distance(back).item() > 0.01
    assert min(part.min() for part in there) >= 0


@pytest.mark.parametrize("size", [(LEAST_SIDE - 1, 64), (64, LEAST_SIDE - 1), (1, 1)])
def test_an_image_that_is_too_small_is_refused(stlpips, size):
    with pytest.raises(ValueError, match=f"at least {LEAST_SIDE} px"):
        stlpips.features(torch.zeros(1, 3, *size))


def test_a_batch_gives_what_single_images_give_and_bfloat16_nearly_that(stlpips, photos):
    first, second = photos, photos.flip(0) * 0.8
    together = stlpips.distance(first, second)
    singles = [stlpips.distance(one[None], other[None]) for one, other in zip(first, second, strict=True)]
    torch.testing.assert_close(together, torch.cat(singles))
    low = ShiftTolerantAlexNet().bfloat16()
    low.load_state_dict(stlpips.net.state_dict())
    found = StLpips("bfloat16", low).distance(first.bfloat16(), second.bfloat16())
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), together, rtol=0.04, atol=0)


def test_an_image_has_the_same_layers_in_any_batch_and_those_of_the_network(stlpips, photos):
    for together, alone, plain in zip(
        stlpips.features(photos), stlpips.features(photos[1:2]), stlpips.net(photos), strict=True
    ):
        assert torch.equal(together[1:2], alone)
        torch.testing.assert_close(together, torch.nn.functional.normalize(plain, dim=1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 5, 9, 12), (1, 3, 3, 3)])
def test_the_maximum_is_that_of_max_pooling(shape):
    maps = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(_largest(maps), torch.nn.functional.max_pool2d(maps, 3, stride=1))


def test_a_shift_by_a_pixel_counts_less_than_for_lpips_beside_a_change_of_colour(stlpips, tiny_features_folder, photos):
    shifted, recoloured = photos.roll(1, -1), photos.clone()
    recoloured[..., 32:96, 32:96] = photos[:, [2, 0, 1], 32:96, 32:96]

    def share(metric) -> torch.Tensor:
        return metric.distance(photos, shifted) / metric.distance(photos, recoloured)

    assert (share(stlpips) < 0.25 * share(Lpips.load(str(tiny_features_folder)))).all()
    assert (share(stlpips) < 0.15).all()


def test_the_distance_grows_with_noise(stlpips, photos):
    noise = torch.randn(photos.shape, generator=torch.Generator().manual_seed(1))
    found = torch.stack([stlpips.distance(photos, (photos + level * noise).clamp(0, 1)) for level in (0.02, 0.1, 0.4)])
    assert (found.diff(dim=0) > 0).all()


@pytest.mark.parametrize("widths", [None, 64, [], [4, 4], [4, 4, 4, 4, 0], [4, 4, 4, 4, True], [4, 4, 4, 4, 10**30]])
def test_a_configuration_without_five_widths_is_one_line(tmp_path, widths):
    net = ShiftTolerantAlexNet((4, 4, 4, 4, 4))
    write_judge(tmp_path, {"class": KIND, "widths": list(net.widths)}, net.state_dict())
    StLpips.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"class": KIND, "widths": widths}))
    with pytest.raises(UserError, match=r"config\.json: .*width") as refusal:
        StLpips.load(tmp_path)
    assert "\n" not in str(refusal.value)
    (tmp_path / "config.json").write_text(json.dumps({"class": "FeatureNet", "widths": widths}))
    with pytest.raises(UserError, match='class is "FeatureNet"; expected "ShiftTolerantAlexNet"'):
        StLpips.load(tmp_path)
