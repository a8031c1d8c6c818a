"""Which network a folder of `models.lpips` holds, and features that are taken over in place of computing them."""

import shutil
from unittest.mock import patch

import pytest
import torch
from import_graph import ROOT

from atelier.common.errors import UserError
from atelier.judges.stlpips import StLpips
from atelier.metrics.lpips import Lpips, layers_beside, layers_of_repeated, load_lpips, mean_distance

STLPIPS = ROOT / "models/base/stlpips"


def pictures(count: int, side: int = 64) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def test_a_folder_of_a_shift_tolerant_lpips_gives_the_distance_of_the_judge():
    metric, judge = load_lpips(str(STLPIPS)), StLpips.load(STLPIPS)
    assert metric.name == f"{STLPIPS} (shift-tolerant LPIPS, AlexNet)"
    first, second = pictures(2, 128), pictures(2, 128).flip(0) ** 2
    differences = metric.differences(metric.features(first), metric.features(second))
    expected = sum(  # the formula, from the network's layers; images in [0, 1]
        torch.einsum("c,bchw->bhw", weigh.weight.flatten(), (one - other).square()).mean((1, 2))
        for weigh, one, other in zip(
            judge.net.weights, *([_unit(layer) for layer in judge.net(image)] for image in (first, second)), strict=True
        )
    )
    torch.testing.assert_close(mean_distance(differences), expected, rtol=1e-5, atol=0)
    assert torch.equal(mean_distance(differences), judge.distance(first, second))
    assert torch.equal(metric.distance(first, second), judge.distance(first, second))
    assert (expected > 0.03).all()


def _unit(layer: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(layer, dim=1)


def test_any_other_folder_is_a_feature_network_or_refused(tiny_features_folder, tmp_path):
    assert isinstance(load_lpips(str(tiny_features_folder)), Lpips)
    for folder in (tmp_path / "missing", tmp_path):
        with pytest.raises(UserError, match="not a feature network"):
            load_lpips(str(folder))
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    shutil.copy(STLPIPS / "config.json", damaged)
    with pytest.raises(UserError, match=r"model\.safetensors is missing") as refusal:
        load_lpips(str(damaged))
    assert "\n" not in str(refusal.value)


@pytest.fixture(scope="module", params=["one by one", "in batches"])
def metric(request, tiny_features_folder):
    return load_lpips(str(STLPIPS if request.param == "one by one" else tiny_features_folder))


def computed(metric, take_over) -> tuple[list[torch.Tensor], int]:
    """Return the layers that a function returns, and how many images it had the metric compute."""
    counts = []
    features = type(metric).features

    def counting(self, images):
        counts.append(len(images))
        return features(self, images)

    with patch.object(type(metric), "features", counting):
        return take_over(), sum(counts)


def test_an_image_that_equals_its_source_takes_the_sources_layers(metric):
    source = pictures(4)
    layers = metric.features(source)
    for changed in ([], [1, 3], [0, 1, 2, 3]):
        images = source.clone()
        images[changed] = images[changed].flip(-1)
        found, count = computed(metric, lambda images=images: layers_beside(images, metric, source, layers))
        assert count == (len(changed) if metric.one_by_one or not changed else 4)
        for ours, plain in zip(found, metric.features(images), strict=True):
            assert torch.equal(ours, plain)
    for ours, plain in zip(layers, metric.features(source), strict=True):
        assert torch.equal(ours, plain), "the source's own are unchanged"


def test_repeated_images_are_computed_once(metric):
    images = pictures(3)[[0, 0, 2, 1, 2]]
    found, count = computed(metric, lambda: layers_of_repeated(images, metric, ["a", "a", "c", "b", "c"]))
    assert count == (3 if metric.one_by_one else 5)
    for ours, plain in zip(found, metric.features(images), strict=True):
        assert torch.equal(ours, plain)
