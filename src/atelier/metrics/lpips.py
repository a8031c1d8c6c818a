"""LPIPS (Zhang et al. 2018) by the `lpips` package, over torchvision's backbones or a `FeatureNet`.

A folder may also hold a shift-tolerant LPIPS (`judges.stlpips`), which is computed there.

As in the paper it compares *source* and edited image: it measures preservation, lower is better, and a copy scores 0.
The value depends on the backbone, so a result names its network; values of different networks are not comparable.

Legend: B batch, H W pixels, h w a layer's grid, C channels. Images are float (B, 3, H, W) in [0, 1].
"""

import warnings
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import torch
import torch.nn.functional as F

from atelier.common.errors import UserError
from atelier.judges import stlpips
from atelier.judges.folder import CONFIG
from atelier.models.check import opening, read_object
from atelier.models.feature_net import FeatureNet
from atelier.models.parts import check_finite

if TYPE_CHECKING:
    import lpips

TORCHVISION = ("alex", "vgg", "squeeze")
UNIT_EPSILON = 1e-10  # as in the package: avoids division by zero


@dataclass(frozen=True)
class Lpips:
    """Perceptual distance; `name` says which network computes it.

    The package's computation is split into steps: an image that is compared with many passes through the network once,
    and one comparison gives both mean and map.
    """

    name: str
    metric: "lpips.LPIPS"
    one_by_one: ClassVar[bool] = False  # an image's layers may depend on its batch, by rounding

    @classmethod
    def load(cls, network: str, device: str | torch.device = "cpu") -> "Lpips":
        """Load `alex`, `vgg` or `squeeze` (torchvision's, with LPIPS' learnt weights) or a folder of a `FeatureNet`.

        Over a FeatureNet all channels have the same weight ("baseline" LPIPS): weights are learnt from human
        judgements, and none exist for it.

        Raises:
            UserError: the folder holds no feature network, or torchvision's weights are neither cached nor reachable.
        """
        metric = _over_torchvision(network) if network in TORCHVISION else _over_features(network)
        variant = "lpips 0.1, torchvision" if network in TORCHVISION else "lpips without linear layers, FeatureNet"
        return cls(f"{network} ({variant})", metric.to(device).eval().requires_grad_(False))

    @torch.no_grad()
    def features(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """Return the network's layers, each (B, C, h, w) and normalised to unit length along C."""
        layers = self.metric.net(self.metric.scaling_layer(2 * pictures - 1))
        return [layer / (layer.square().sum(1, keepdim=True).sqrt() + UNIT_EPSILON) for layer in layers]

    @torch.no_grad()
    def differences(self, first: Sequence[torch.Tensor], second: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return distance maps between two images' features, (B, 1, h, w) per layer."""
        squares = [(one - other).square() for one, other in zip(first, second, strict=True)]
        if not self.metric.lpips:
            return [square.sum(1, keepdim=True) for square in squares]
        return [weigh(square) for weigh, square in zip(self.metric.lins, squares, strict=True)]

    def distance(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Return LPIPS (B,) between whole images."""
        return mean_distance(self.differences(self.features(first), self.features(second)))


PerceptualDistance = Lpips | stlpips.StLpips  # the same methods


def load_lpips(network: str, device: str | torch.device = "cpu") -> PerceptualDistance:
    """Load what `models.lpips` names: a folder of a shift-tolerant LPIPS, or whatever `Lpips.load` takes.

    Raises:
        UserError: the folder holds neither, or torchvision's weights are neither cached nor reachable.
    """
    if network not in TORCHVISION and _is_shift_tolerant(Path(network)):
        return stlpips.StLpips.load(network, device)
    return Lpips.load(network, device)


def _is_shift_tolerant(folder: Path) -> bool:
    """Return whether config.json names a shift-tolerant LPIPS; no if it is damaged, which `Lpips.load` reports."""
    try:
        return read_object(folder / CONFIG).get("class") == stlpips.KIND
    except (UserError, OSError):
        return False


def layers_beside(
    images: torch.Tensor, lpips: PerceptualDistance, source: torch.Tensor, layers: Sequence[torch.Tensor]
) -> list[torch.Tensor]:
    """Return `lpips.features(images)`; an image that equals its source takes the source's, which are the same.

    Args:
        source: images (B, 3, H, W) with which the B images are paired.
        layers: the source's features.
    """
    changed = (images != source).flatten(1).any(1)
    if not changed.any():
        return list(layers)
    if changed.all() or not lpips.one_by_one:
        return lpips.features(images)
    found = [layer.clone() for layer in layers]
    for layer, part in zip(found, lpips.features(images[changed]), strict=True):
        layer[changed] = part
    return found


def layers_of_repeated(
    images: torch.Tensor, lpips: PerceptualDistance, names: Sequence[Hashable]
) -> list[torch.Tensor]:
    """Return `lpips.features(images)`; images of the same name are equal and computed once."""
    first = {name: row for row, name in reversed(list(enumerate(names)))}
    if len(first) == len(images) or not lpips.one_by_one:
        return lpips.features(images)
    place = {name: number for number, name in enumerate(first)}
    rows = [place[name] for name in names]
    return [layer[rows] for layer in lpips.features(images[list(first.values())])]


def mean_distance(differences: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return LPIPS (B,) from `Lpips.differences`: the mean over each layer's grid, summed over the layers."""
    return torch.stack([layer.mean((1, 2, 3)) for layer in differences]).sum(0)


def distance_map(differences: Sequence[torch.Tensor], size: tuple[int, int]) -> torch.Tensor:
    """Return the LPIPS map (B, 1, H, W) from `Lpips.differences`: layers resized bilinearly and summed."""
    return torch.stack([F.interpolate(layer, size, mode="bilinear") for layer in differences]).sum(0)


def _over_torchvision(network: str) -> "lpips.LPIPS":
    """Build the metric with torchvision's backbone; both files are unpickled as tensors only, so that no code runs.

    The package itself would have torchvision unpickle anything that its cache holds.
    """
    import lpips
    from torchvision import models

    weights = {"alex": models.AlexNet_Weights, "vgg": models.VGG16_Weights, "squeeze": models.SqueezeNet1_1_Weights}
    problem = (
        f"models.lpips: {network}: torchvision's weights are not in its cache and cannot be fetched, or are damaged"
    )
    with opening(f"{problem} (a folder of a feature network needs no download)"):
        fetched = weights[network].IMAGENET1K_V1.get_state_dict(check_hash=True, weights_only=True)
        with torch.random.fork_rng(devices=[]):  # the package initialises a random backbone, which is then replaced
            metric = _quietly(lambda: lpips.LPIPS(net=network, pnet_rand=True, verbose=False))
        own = metric.net.state_dict()  # slice2.3.weight here is features.3.weight there
        metric.net.load_state_dict({name: fetched[f"features.{name.split('.', 1)[1]}"] for name in own})
        check_finite(dict(metric.named_parameters()), "the cached file")
    return metric


def _over_features(folder: str) -> "lpips.LPIPS":
    """Replace the package's backbone by a FeatureNet, which takes [-1, 1] without ImageNet's scaling."""
    import lpips

    net = FeatureNet.load(folder)
    with torch.random.fork_rng(devices=[]):  # the package initialises a random backbone, which is then replaced
        metric = _quietly(
            lambda: lpips.LPIPS(net="squeeze", pretrained=False, pnet_rand=True, lpips=False, verbose=False)
        )
    metric.net, metric.scaling_layer = net, torch.nn.Identity()
    metric.chns, metric.L = list(net.widths), len(net.widths)
    return metric


def _quietly(build: Callable[[], "lpips.LPIPS"]) -> "lpips.LPIPS":
    """Build a metric without torchvision's warnings about deprecated arguments that `lpips` passes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="torchvision")
        return build()
