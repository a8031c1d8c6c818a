"""An encoder without training: the principal components of patches, written into the weights of an AutoencoderKL.

After 20 minutes on a CPU a small autoencoder restores less of a picture than the first components of its 8 × 8 patches,
which are computed in seconds. So the encoder is those, exactly, and only the decoder is trained: it sees neighbouring
patches and knows clothes and people, and restores more than the components alone (docs/log.md). Every residual branch
is zero; three convolutions of stride 2 take the components of 2 × 2, 4 × 4 and 8 × 8 patches in turn.

The last activation is passed unchanged, since silu(a) − silu(−a) = a: each component is there with both signs. The last
group norm divides by the same number in every picture, since constant channels dominate its variance.

Legend: N pictures, C components, c channels, S side in px.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import nn

WHITENED = 0.5  # components are divided by this power of their standard deviation
_CONSTANT = 100.0  # value of the channels that dominate the variance of the last group norm
_LOG_VARIANCE = -12.0  # of the posterior: hardly any


@dataclass(frozen=True)
class PatchCode:
    """Convolutions of stride 2 whose composition gives the components of patches.

    Attributes:
        weights: (channels out, channels in, 2, 2) each; the last has C channels out.
        bias: (C,), added after the last.
        deviation: standard deviation of each component over the pictures, (C,).
    """

    weights: tuple[torch.Tensor, ...]
    bias: torch.Tensor
    deviation: torch.Tensor

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Return the components (N, C, S/8, S/8) of pictures (N, 3, S, S) in [-1, 1]."""
        for weight in self.weights:
            x = F.conv2d(x, weight, stride=2)
        return x + self.bias[:, None, None]


def find_components(x: torch.Tensor, channels: tuple[int, ...]) -> PatchCode:
    """Compute the components of the patches of pictures (N, 3, S, S) in [-1, 1].

    Args:
        channels: how many components of 2 × 2, 4 × 4, … patches are kept; all of a patch's are kept if it has fewer.
    """
    weights = []
    for kept in channels:
        blocks = F.unfold(x, 2, stride=2).transpose(1, 2).reshape(-1, 4 * x.shape[1])
        basis = _principal(blocks.numpy(), kept)
        weights.append(torch.from_numpy(basis).float().view(len(basis), x.shape[1], 2, 2))
        x = F.conv2d(x, weights[-1], stride=2)
    deviation, mean = x.std((0, 2, 3)), x.mean((0, 2, 3))
    scale = deviation**-WHITENED
    weights[-1] = weights[-1] * scale[:, None, None, None]
    return PatchCode(tuple(weights), -mean * scale, deviation * scale)


def _principal(blocks: np.ndarray, kept: int) -> np.ndarray:
    """Return the first principal directions (kept, D) of vectors (M, D), each with its largest entry positive."""
    _, vectors = np.linalg.eigh(np.cov(blocks.astype(np.float64).T))
    basis = vectors[:, ::-1].T[:kept]
    largest = np.take_along_axis(basis, np.abs(basis).argmax(1)[:, None], 1)
    return np.ascontiguousarray(basis * np.sign(largest))


@torch.no_grad()
def write_encoder(vae: AutoencoderKL, code: PatchCode) -> None:
    """Make the encoder of an autoencoder compute a code's components, and freeze it.

    Raises:
        ValueError: the encoder has another depth or too few channels, attention, or several normalisation groups.
    """
    encoder, count = vae.encoder, len(code.bias)
    downs = [block.downsamplers[0].conv for block in encoder.down_blocks if block.downsamplers]
    spare = encoder.conv_norm_out.num_channels - 2 * count
    narrow = any(conv.out_channels < len(weight) for conv, weight in zip(downs, code.weights, strict=True))
    if narrow or spare < 2 or encoder.conv_norm_out.num_groups != 1 or any(encoder.mid_block.attentions):
        raise ValueError(f"an encoder of {count} components needs one norm group over {2 * count + 2} channels or more")
    for block in (*encoder.down_blocks, encoder.mid_block):
        for resnet in block.resnets:
            _pass(resnet.conv2, 0)
            if resnet.conv_shortcut is not None:
                _pass(resnet.conv_shortcut, min(resnet.conv_shortcut.weight.shape[:2]))
    _pass(encoder.conv_in, 3)
    for conv, weight in zip(downs, code.weights, strict=True):
        _pass(conv, 0)
        conv.weight[: len(weight), : weight.shape[1], :2, :2] = weight
    downs[-1].bias[:count] = code.bias
    _write_end(vae, code, spare)
    encoder.requires_grad_(False)
    vae.quant_conv.requires_grad_(False)


def read_code(vae: AutoencoderKL) -> PatchCode:
    """Return the code that `write_encoder` wrote into an autoencoder: it encodes without the encoder's idle blocks."""
    downs = [block.downsamplers[0].conv for block in vae.encoder.down_blocks if block.downsamplers]
    weights, channels = [], 3
    for kept, conv in zip((*_kept(downs), vae.config.latent_channels), downs, strict=True):
        weights.append(conv.weight[:kept, :channels, :2, :2].detach().clone())
        channels = kept
    bias = downs[-1].bias[:channels].detach().clone()
    return PatchCode(tuple(weights), bias, torch.ones(channels))


def _kept(downs: list[nn.Conv2d]) -> list[int]:
    """Return how many components each convolution but the last computes: rows of others are zero."""
    return [int(conv.weight.abs().sum((1, 2, 3)).count_nonzero()) for conv in downs[:-1]]


def _pass(conv: nn.Conv2d, channels: int) -> None:
    """Let a convolution pass its first channels unchanged, and make all else zero."""
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)
    middle = conv.kernel_size[0] // 2
    for number in range(channels):
        conv.weight[number, number, middle, middle] = 1


def _write_end(vae: AutoencoderKL, code: PatchCode, spare: int) -> None:
    """Write the last block, normalisation and convolutions: components with both signs, and constants."""
    encoder, count = vae.encoder, len(code.bias)
    last = encoder.down_blocks[-1].resnets[0].conv_shortcut
    _pass(last, count)
    for number in range(count):
        last.weight[count + number, number] = -1
    constants = spare // 2
    last.bias[2 * count : 2 * count + constants] = _CONSTANT
    last.bias[2 * count + constants : 2 * count + 2 * constants] = -_CONSTANT
    power = 2 * code.deviation.square().sum().item() + 2 * constants * _CONSTANT**2
    norm = (power / encoder.conv_norm_out.num_channels) ** 0.5  # what the group norm divides by
    nn.init.ones_(encoder.conv_norm_out.weight)
    nn.init.zeros_(encoder.conv_norm_out.bias)
    _pass(encoder.conv_out, 0)
    for number in range(count):
        encoder.conv_out.weight[number, number, 1, 1] = norm
        encoder.conv_out.weight[number, count + number, 1, 1] = -norm
    encoder.conv_out.bias[count:] = _LOG_VARIANCE
    _pass(vae.quant_conv, 2 * count)
