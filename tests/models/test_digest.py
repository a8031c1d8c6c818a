"""The base of a fine-tuned editor: known again by what is loaded of it, and refused if it is another."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from fixtures_finetuned import finetune_selectively
from PIL import Image
from safetensors.torch import load_file, save_file

from atelier.cli import main
from atelier.common.errors import UserError
from atelier.models.digest import digest_base
from atelier.models.instruct_pix2pix import load_editor, open_weights
from atelier.models.saving import save_pipeline


def change_json(name: str, **changes: object) -> Callable[[Path], None]:
    def change(base: Path) -> None:
        config = json.loads((base / name).read_text())
        (base / name).write_text(json.dumps(config | changes))

    return change


def flip_one_number(base: Path) -> None:
    file = base / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    name = sorted(tensors)[0]
    tensors[name].view(-1)[0] += 1e-3
    save_file(tensors, file, {"format": "pt"})


def save_again(base: Path) -> None:
    """Write the configurations as diffusers does: with this folder's path and other whitespace."""
    from diffusers import StableDiffusionInstructPix2PixPipeline

    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(base, safety_checker=None)
    pipeline.unet.save_pretrained(base / "unet")
    pipeline.scheduler.save_pretrained(base / "scheduler")


ALIKE = {
    "nothing": lambda base: None,
    "notes": lambda base: (base / "README.md").write_text("A base."),
    "a variant": lambda base: (base / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"half"),
    "saved again": save_again,
    "the library's version": change_json("unet/config.json", _diffusers_version="0.99"),
    "the dtype to load in": change_json("text_encoder/config.json", dtype="float32"),
}
OTHER = {
    "weights": flip_one_number,
    "noise schedule": change_json("scheduler/scheduler_config.json", beta_end=0.0123),
    "scaling factor": change_json("vae/config.json", scaling_factor=0.71),
    "tokenizer": change_json("tokenizer/tokenizer_config.json", do_lower_case=False),
}


@pytest.fixture(name="base")
def _base(tmp_path, tiny_editor_folder) -> Path:
    return Path(shutil.copytree(tiny_editor_folder, tmp_path / "base"))


@pytest.mark.parametrize("change", ALIKE.values(), ids=ALIKE)
def test_a_base_is_the_same_after_changes_that_are_not_loaded(base, tiny_editor_folder, change):
    change(base)
    assert digest_base(base) == digest_base(tiny_editor_folder)


@pytest.mark.parametrize("change", OTHER.values(), ids=OTHER)
def test_an_editor_on_another_base_than_its_own_is_refused_in_one_line_with_exit_code_2(base, tmp_path, change):
    folder = finetune_selectively(tmp_path / "finetuned", base, base_sha256=digest_base(base))
    assert open_weights(folder, device="cpu").size == 32
    change(base)
    with pytest.raises(UserError, match=r"finetuned: fine-tuned from another .*base \(SHA-256 "):
        open_weights(folder, device="cpu")
    Image.new("RGB", (32, 32)).save(tmp_path / "photo.png")
    for words in (
        ["export", str(folder)],
        ["edit", str(tmp_path / "photo.png"), "make it red", "--weights", str(folder)],
    ):
        out = ["--out" if words[0] == "export" else "-o", str(tmp_path / "out.png")]
        result = CliRunner().invoke(main, [*words, *out])
        assert result.exit_code == 2
        assert "fine-tuned from another" in result.stderr.splitlines()[-1]
        assert not (tmp_path / "out.png").exists()


def test_a_folder_without_the_base_s_digest_or_the_size_still_opens(base, tmp_path):
    folder = finetune_selectively(tmp_path / "finetuned", base)
    flip_one_number(base)
    assert open_weights(folder, device="cpu").size == 32


@pytest.mark.parametrize("size", [0, -8, "64", 64.5, True, [64], 10**9])
def test_a_size_that_is_no_size_is_refused(base, tmp_path, size):
    folder = finetune_selectively(tmp_path / "finetuned", base, size=size)
    with pytest.raises(UserError, match=r"finetuned\.json: size "):
        open_weights(folder, device="cpu")


def test_a_hub_id_that_is_not_in_the_cache_has_no_digest():
    assert digest_base("nobody/nothing-here") is None


@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16])
def test_a_saved_pipeline_loads_in_one_dtype_without_options(base, tmp_path, stored):
    from diffusers import StableDiffusionInstructPix2PixPipeline

    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(base, safety_checker=None)
    pipeline.text_encoder.to(stored)
    save_pipeline(pipeline, tmp_path / "saved")
    again = StableDiffusionInstructPix2PixPipeline.from_pretrained(tmp_path / "saved", safety_checker=None)
    assert {part.dtype for part in (again.unet, again.vae, again.text_encoder)} == {torch.float32}
    again.set_progress_bar_config(disable=True)
    again("make it red", image=Image.new("RGB", (32, 32)), num_inference_steps=1)
    assert load_editor(tmp_path / "saved", device="cpu").text_encoder.dtype == torch.float32
