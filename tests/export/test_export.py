"""Export an editor, and compare the edits of diffusers' own pipeline with ours."""

import json
import os
from pathlib import Path
from typing import NamedTuple
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from diffusers import StableDiffusionInstructPix2PixPipeline
from fixtures_finetuned import WORDS, finetune_adapters, finetune_selectively
from import_graph import ROOT
from PIL import Image
from ruamel.yaml import YAML
from safetensors.torch import load_file, save_file

from atelier.cli import main
from atelier.common.errors import UserError
from atelier.export import pipeline as exporting
from atelier.export.pipeline import export
from atelier.models.instruct_pix2pix import load_editor, open_weights


class Project(NamedTuple):
    """A folder with a fine-tuned editor, a square photo, and its edit by `atelier edit`."""

    folder: Path
    finetuned: Path
    photo: Path
    edited: np.ndarray


def edit(photo: Path, weights: Path, out: Path) -> np.ndarray:
    """Run `atelier edit --mask none` with a seed, in float32 and one thread."""
    values = YAML().load(ROOT / "params.yaml")
    values["models"].update(threads=1)
    YAML().dump(values, out.parent / "params.yaml")
    options = ["--mask", "none", "--weights", weights, "-o", out, "--seed", 11, "--steps", 3, "--guidance-text", 4.0]
    options += ["--guidance-image", 1.5, "--params", out.parent / "params.yaml"]
    result = CliRunner().invoke(main, ["edit", str(photo), WORDS, *map(str, options)])
    assert result.exit_code == 0, result.output
    with Image.open(out) as opened:
        return np.asarray(opened.convert("RGB")).astype(int)


@pytest.fixture(scope="module", params=["selective", "lora"], name="project")
def _project(request, tmp_path_factory, tiny_editor_folder) -> Project:
    folder = tmp_path_factory.mktemp(request.param)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        make = finetune_adapters if request.param == "lora" else finetune_selectively
        finetuned = make(folder / "finetuned", tiny_editor_folder)
    photo = folder / "photo.png"
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(photo)
    assert export(finetuned, folder / "exported", folder) != ()  # no dvc.lock there
    return Project(folder, finetuned, photo, edit(photo, finetuned, folder / "edited.png"))


def run_diffusers(where: Path, photo: Path, adapters_file: str | None = None) -> np.ndarray:
    """Edit with diffusers' own pipeline, with noise of the same seed."""
    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(where, safety_checker=None)
    if adapters_file:
        pipeline.load_lora_weights(photo.parent / "exported", weight_name=adapters_file)
    pipeline.set_progress_bar_config(disable=True)
    edited = pipeline(
        WORDS, image=Image.open(photo), num_inference_steps=3, guidance_scale=4.0, image_guidance_scale=1.5,
        generator=torch.Generator().manual_seed(11),
    ).images[0]  # fmt: skip
    return np.asarray(edited).astype(int)


def test_diffusers_and_atelier_make_the_same_edit_of_the_exported_folder(project, tiny_editor_folder, tmp_path):
    exported = project.folder / "exported"
    for again in (run_diffusers(exported, project.photo), edit(project.photo, exported, tmp_path / "again.png")):
        assert np.abs(again - project.edited).max() <= 1  # rounding to 255 steps
    base = run_diffusers(tiny_editor_folder, project.photo)
    assert np.abs(base - project.edited).mean() > 2  # the base's edit differs


def test_it_holds_plain_weights_and_no_local_path(project, tiny_editor_folder):
    unet = load_file(project.folder / "exported" / "unet" / "diffusion_pytorch_model.safetensors")
    assert unet.keys() == load_editor(tiny_editor_folder, device="cpu").unet.state_dict().keys()
    texts = [path.read_text() for path in (project.folder / "exported").rglob("*.json")]
    assert not [text for text in texts if str(project.folder) in text or str(tiny_editor_folder) in text]
    assert not list((project.folder / "exported").rglob("*.bin"))


@pytest.mark.parametrize("file", ["pytorch_lora_weights.safetensors", "lora-kohya.safetensors"])
def test_adapters_alone_make_the_edit_of_the_merged_weights(project, tiny_editor_folder, file):
    path = project.folder / "exported" / file
    assert path.exists() == ("lora" in project.folder.name)
    if path.exists():
        loaded = run_diffusers(tiny_editor_folder, project.photo, adapters_file=file)
        assert np.abs(loaded - project.edited).max() <= 1


def test_the_kohya_layout_has_the_keys_that_comfyui_reads(project):
    """Its keys are lora_unet_<layer>.lora_down.weight, .lora_up.weight and .alpha; up · down · alpha / rank is ours."""
    path = project.folder / "exported" / "lora-kohya.safetensors"
    if "lora" not in project.folder.name:
        return  # it has no such file, see above
    kohya, trained = load_file(path), load_file(project.finetuned / "trained.safetensors")
    layers = {name.split(".lora_")[0] for name in trained}
    keys = {f"lora_unet_{layer.replace('.', '_')}": layer for layer in layers}
    parts = ("lora_down.weight", "lora_up.weight", "alpha")
    assert kohya.keys() == {f"{key}.{part}" for key in keys for part in parts}
    for key, layer in keys.items():
        down, up = kohya[f"{key}.lora_down.weight"].flatten(1), kohya[f"{key}.lora_up.weight"].flatten(1)
        change = up @ down * (kohya[f"{key}.alpha"].item() / down.shape[0])
        a, b = (trained[f"{layer}.lora_{matrix}.weight"].flatten(1) for matrix in "AB")
        torch.testing.assert_close(change, b @ a * (6.0 / 3))


def test_a_widened_base_s_adapters_are_not_saved_alone(tiny_editor_folder, tmp_path):
    """Its first layer was trained too, and the adapters cannot be used without it."""
    finetuned = finetune_adapters(tmp_path / "finetuned", tiny_editor_folder)
    tensors = load_file(finetuned / "trained.safetensors")
    first = torch.randn(load_editor(tiny_editor_folder, device="cpu").unet.conv_in.weight.shape)
    save_file(tensors | {"conv_in.weight": first}, finetuned / "trained.safetensors")
    export(finetuned, tmp_path / "exported", tmp_path)
    assert not list((tmp_path / "exported").glob("*lora*"))
    assert torch.equal(open_weights(tmp_path / "exported", device="cpu").unet.conv_in.weight, first)


def test_atelier_edit_edits_at_the_size_that_was_trained_at_and_so_does_the_export(
    project, tiny_editor_folder, tmp_path
):
    folders = {}
    for size in (None, 16):
        with torch.random.fork_rng():
            torch.manual_seed(4)
            folders[size] = finetune_selectively(tmp_path / f"of-{size}", tiny_editor_folder, size=size)
    at_base_size, small = (edit(project.photo, folders[size], tmp_path / f"{size}.png") for size in (None, 16))
    assert np.abs(small - at_base_size).mean() > 2
    export(folders[16], tmp_path / "exported", tmp_path)
    assert np.abs(edit(project.photo, tmp_path / "exported", tmp_path / "again.png") - small).max() <= 1


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_every_exported_file_has_the_umask_s_permissions(project, tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        export(project.finetuned, tmp_path / "exported", tmp_path)
    finally:
        os.umask(before)
    files = [path for path in (tmp_path / "exported").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".safetensors", ".json", ".md"}
    assert {path.stat().st_mode & 0o777 for path in files} == {mode}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_export_loads_in_one_dtype_without_options_and_edits(project, tmp_path, dtype):
    export(project.finetuned, tmp_path / "out", tmp_path, dtype)
    edited = run_diffusers(tmp_path / "out", project.photo)  # fails in its first call where dtypes are mixed
    assert np.abs(edited - project.edited).mean() <= (0.1 if dtype == "float32" else 3)
    assert np.abs(edited - edit(project.photo, tmp_path / "out", tmp_path / "again.png")).max() <= 1


def test_bfloat16_halves_the_weights(project, tmp_path):
    export(project.finetuned, tmp_path / "half", tmp_path, "bfloat16")
    file = Path("unet/diffusion_pytorch_model.safetensors")
    assert {tensor.dtype for tensor in load_file(tmp_path / "half" / file).values()} == {torch.bfloat16}
    assert (tmp_path / "half" / file).stat().st_size < 0.6 * (project.folder / "exported" / file).stat().st_size


def test_the_card_shows_method_size_licence_and_valid_code(project):
    card = (project.folder / "exported" / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: diffusers\n")
    facts = json.loads((project.finetuned / "finetuned.json").read_text())
    assert f"- method: {facts['method']}\n" in card
    assert f"- trained parameters: {facts['trained_parameters']:,}\n" in card
    assert "non-commercial research" in card
    assert ("load_lora_weights" in card) == (facts["method"] == "lora")
    assert "dvc.lock does not know these weights" in card
    code = card.split("```python\n")[1].split("```")[0]
    compile(code, "README.md", "exec")
    assert "(32, 32)" in code


def test_a_failed_export_leaves_no_files_and_keeps_existing_ones(project, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "write_card", Mock(side_effect=RuntimeError("no space left")))
    with pytest.raises(RuntimeError, match="no space"):
        export(project.finetuned, tmp_path / "exported", tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="full: exists already"):
        export(project.finetuned, tmp_path / "full", tmp_path)
    assert (tmp_path / "full" / "thesis.txt").read_text() == "mine"
    result = CliRunner().invoke(main, ["export", str(tmp_path), "--out", str(tmp_path / "x")])
    assert result.exit_code == 2
    assert "no fine-tuned editor" in result.stderr
