"""LPIPS (Zhang et al. 2018) with the `lpips` package, over torchvision's backbones or over our own feature network.

The paper's LPIPS is between *source* and edited picture: preservation, lower is better, and a copy scores 0. The value
depends on the backbone, so a result names its network; values of different networks cannot be compared.

Legend: B batch, H W pixels. Pictures are float (B, 3, H, W) in [0, 1], masks (B, 1, H, W) in {0, 1}.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.error import URLError

import torch
import torch.nn.functional as F

from atelier.errors import UserError
from atelier.measures.features import FeatureNet
from atelier.measures.pixel import mean_outside, paste_inside

if TYPE_CHECKING:
    import lpips

TORCHVISION = ("alex", "vgg", "squeeze")
UNIT_EPSILON = 1e-10  # the package's own, against features that are zero


@dataclass(frozen=True)
class Lpips:
    """A perceptual distance: `name` says which network makes it.

    The package's arithmetic in three steps, so that a picture which is compared with many goes through the network once
    and one comparison gives both mean and map.
    """

    name: str
    metric: "lpips.LPIPS"

    @classmethod
    def load(cls, network: str, device: str | torch.device = "cpu") -> "Lpips":
        """`alex`, `vgg` or `squeeze` (torchvision's, with LPIPS' learnt weights), or the folder of a `FeatureNet`.

        Over a FeatureNet every channel weighs the same ("baseline" LPIPS: no human judgements were collected for it).

        Raises:
            UserError: the folder holds no feature network, or torchvision's weights are neither cached nor reachable.
        """
        metric = _over_torchvision(network) if network in TORCHVISION else _over_features(network)
        kind = "lpips 0.1, torchvision" if network in TORCHVISION else "lpips without linear layers, FeatureNet"
        return cls(f"{network} ({kind})", metric.to(device).eval().requires_grad_(False))

    @torch.no_grad()
    def features(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """The network's layers, each (B, C, h, w) and of unit length along C."""
        layers = self.metric.net(self.metric.scaling_layer(2 * pictures - 1))
        return [layer / (layer.square().sum(1, keepdim=True).sqrt() + UNIT_EPSILON) for layer in layers]

    @torch.no_grad()
    def differences(self, first: Sequence[torch.Tensor], second: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Distance maps of two pictures' features, (B, 1, h, w) per layer."""
        squares = [(one - other).square() for one, other in zip(first, second, strict=True)]
        if not self.metric.lpips:
            return [square.sum(1, keepdim=True) for square in squares]
        return [weigh(square) for weigh, square in zip(self.metric.lins, squares, strict=True)]

    def distance(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """LPIPS (B,) of whole pictures."""
        return mean_distance(self.differences(self.features(first), self.features(second)))

    def distance_outside(self, source: torch.Tensor, edited: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Mean (B,) of the LPIPS map over the pixels outside the mask, the source's garment put back first."""
        pasted = paste_inside(source, edited, mask)
        differences = self.differences(self.features(source), self.features(pasted))
        return mean_outside(distance_map(differences, tuple(mask.shape[-2:])), mask)


def mean_distance(differences: Sequence[torch.Tensor]) -> torch.Tensor:
    """LPIPS (B,) out of `Lpips.differences`: the mean over each layer's grid, summed over the layers."""
    return torch.stack([layer.mean((1, 2, 3)) for layer in differences]).sum(0)


def distance_map(differences: Sequence[torch.Tensor], size: tuple[int, int]) -> torch.Tensor:
    """The LPIPS map (B, 1, H, W) out of `Lpips.differences`: each layer bilinearly on the picture's grid, summed."""
    return torch.stack([F.interpolate(layer, size, mode="bilinear") for layer in differences]).sum(0)


def _over_torchvision(network: str) -> "lpips.LPIPS":
    import lpips

    try:
        return _quietly(lambda: lpips.LPIPS(net=network, verbose=False))
    except (URLError, OSError) as error:
        raise UserError(
            f"models.lpips: {network}: torchvision's weights are not in its cache and cannot be fetched ({error}); "
            "a folder of a feature network needs no download"
        ) from None


def _over_features(folder: str) -> "lpips.LPIPS":
    """The package's own arithmetic over our stages; our network takes [-1, 1] as it is, without ImageNet's scaling."""
    import lpips

    net = FeatureNet.load(folder)
    with torch.random.fork_rng(devices=[]):  # the package draws a random backbone, which is then replaced
        metric = _quietly(
            lambda: lpips.LPIPS(net="squeeze", pretrained=False, pnet_rand=True, lpips=False, verbose=False)
        )
    metric.net, metric.scaling_layer = net, torch.nn.Identity()
    metric.chns, metric.L = list(net.widths), len(net.widths)
    return metric


def _quietly(build: Callable[[], "lpips.LPIPS"]) -> "lpips.LPIPS":
    """Build a metric without torchvision's warnings about how `lpips` asks it for a backbone."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="torchvision")
        return build()
