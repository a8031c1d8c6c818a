"""LPIPS over a FeatureNet against a loop; features, saving and loading of a FeatureNet."""

import os
import warnings
from pathlib import Path
from unittest.mock import Mock

import lpips
import numpy as np
import pytest
import torch
from torchvision import models

from atelier.common.errors import UserError
from atelier.metrics.lpips import Lpips
from atelier.models.feature_net import FeatureNet

IMAGES = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def metric(tiny_features_folder: Path) -> Lpips:
    return Lpips.load(str(tiny_features_folder))


def test_distance_equals_the_definition_in_a_loop_and_grows_with_the_change_from_zero(metric, tiny_features_folder):
    net = FeatureNet.load(tiny_features_folder)
    first, second = net(IMAGES[:1] * 2 - 1), net(IMAGES[1:2] * 2 - 1)
    expected = 0.0
    for one, other in zip(first, second, strict=True):
        vectors = zip(*(maps[0].flatten(1).T.numpy() for maps in (one, other)), strict=True)
        unit = [(a / (np.linalg.norm(a) + 1e-8), b / (np.linalg.norm(b) + 1e-8)) for a, b in vectors]
        expected += np.mean([((a - b) ** 2).sum() for a, b in unit])
    assert metric.distance(IMAGES[:1], IMAGES[1:2]).item() == pytest.approx(float(expected), rel=1e-3)
    noise = torch.randn(IMAGES.shape, generator=torch.Generator().manual_seed(1))
    levels = (0, 0.05, 0.2, 0.6)
    distances = torch.stack([metric.distance(IMAGES, (IMAGES + level * noise).clamp(0, 1)) for level in levels])
    assert distances[0].max() == 0
    assert (distances.diff(dim=0) > 0).all()


def test_loading_names_the_network_and_does_not_consume_global_rng_state(tiny_features_folder):
    state = torch.random.get_rng_state()
    metric = Lpips.load(str(tiny_features_folder))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert str(tiny_features_folder) in metric.name
    assert "FeatureNet" in metric.name


def test_torchvision_without_weights_is_a_user_error(monkeypatch):
    monkeypatch.setattr("torch.hub.download_url_to_file", Mock(side_effect=OSError("no network")))
    monkeypatch.setattr("torch.hub.get_dir", lambda: "/no/such/cache")
    with pytest.raises(UserError, match=r"models\.lpips: alex: torchvision's weights"):
        Lpips.load("alex")


@pytest.fixture(name="cache")
def _cache(tmp_path, monkeypatch) -> Path:
    """Return torchvision's own cache, which is empty; nothing is downloaded."""
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", Mock(side_effect=OSError("no network")))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


@pytest.fixture(name="unpicklers")
def _unpicklers(monkeypatch) -> list[bool]:
    """Return whether each file that torch reads is unpickled as tensors only; other unpickling fails."""
    found, load = [], torch.load

    def watch(*values, weights_only: bool = True, **more):
        found.append(weights_only)
        return load(*values, weights_only=weights_only, **more)

    monkeypatch.setattr("torch.load", watch)
    monkeypatch.setattr("torch.hub.torch.load", watch)
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(f"pickle.{name}", Mock(side_effect=AssertionError("unpickled")))
    return found


def backbone(network: str) -> tuple[torch.nn.Module, str]:
    """Return a random backbone of torchvision, and the name of its file in the cache."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        net = {"alex": models.alexnet, "vgg": models.vgg16, "squeeze": models.squeezenet1_1}[network]()
    kinds = {"alex": models.AlexNet_Weights, "vgg": models.VGG16_Weights, "squeeze": models.SqueezeNet1_1_Weights}
    return net, kinds[network].IMAGENET1K_V1.url.rsplit("/", 1)[1]


def test_a_backbone_of_torchvision_gives_the_distances_of_the_package(cache):
    net, file = backbone("squeeze")
    torch.save(net.state_dict(), cache / file)
    found = Lpips.load("squeeze")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = lpips.LPIPS(net="squeeze", verbose=False)
    first, second = IMAGES[:1], IMAGES[1:2]
    wanted = expected(first * 2 - 1, second * 2 - 1).flatten()
    torch.testing.assert_close(found.distance(first, second), wanted)
    assert wanted.item() > 0


def test_alexnets_layers_are_those_of_torchvision_and_only_tensors_are_unpickled(cache, unpicklers):
    net, file = backbone("alex")
    torch.save({name: value for name, value in net.state_dict().items() if name.startswith("features")}, cache / file)
    layers = Lpips.load("alex").metric.net(IMAGES.repeat(1, 1, 2, 2))
    torch.testing.assert_close(layers[-1], net.features[:12](IMAGES.repeat(1, 1, 2, 2)))
    assert unpicklers == [True, True]  # the backbone, and LPIPS' learnt weights


@pytest.mark.parametrize("content", [b"", b"no weights", {"features.0.weight": torch.zeros(1)}, "code", "not finite"])
def test_a_damaged_or_hostile_file_in_torchvisions_cache_is_one_line_and_runs_nothing(cache, tmp_path, content):
    net, file = backbone("squeeze")
    if isinstance(content, bytes):
        (cache / file).write_bytes(content)
    else:
        state = {name: value.clone().fill_(torch.nan) for name, value in net.state_dict().items()}
        torch.save({"code": _Hostile(tmp_path / "ran"), "not finite": state}.get(str(content), content), cache / file)
    with pytest.raises(UserError, match=r"models\.lpips: squeeze: torchvision's weights") as refusal:
        Lpips.load("squeeze")
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "ran").exists()


class _Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_features_are_local_halve_the_grid_and_pool_to_the_last_width(tiny_features_folder):
    net = FeatureNet.load(tiny_features_folder)
    maps = net(IMAGES * 2 - 1)
    assert [tuple(m.shape[1:]) for m in maps] == [(8, 16, 16), (16, 8, 8), (16, 4, 4)]
    torch.testing.assert_close(net.pooled(IMAGES * 2 - 1), maps[-1].mean((2, 3)))
    changed = IMAGES.clone()
    changed[:, :, :4, :4] = 1 - changed[:, :, :4, :4]
    assert torch.equal(net(changed * 2 - 1)[0][:, :, 8:, 8:], maps[0][:, :, 8:, 8:])


def test_a_saved_feature_network_is_loaded_unchanged(tmp_path):
    net = FeatureNet((4, 6)).train()
    net(IMAGES)  # changes the running statistics, which must be saved too
    net.save(tmp_path / "features")
    assert torch.equal(FeatureNet.load(tmp_path / "features").pooled(IMAGES), net.eval().pooled(IMAGES))


@pytest.mark.parametrize(
    ("config", "weights", "message"),
    [
        (None, None, "config.json is missing"),
        ('{"widths": [4, 6]}', None, "model.safetensors is missing"),
        ('{"widths": [4, 6]}', b"not safetensors at all", "not a feature network"),
        ('{"width": 4}', b"", "not a feature network"),
        ("{", b"", "not a feature network"),
    ],
)
def test_a_folder_without_a_feature_network_is_a_user_error(tmp_path, config, weights, message):
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    if weights is not None:
        (tmp_path / "model.safetensors").write_bytes(weights)
    with pytest.raises(UserError, match=message):
        FeatureNet.load(tmp_path)
