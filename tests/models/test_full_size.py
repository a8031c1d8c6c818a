"""`atelier config full-size`: every network it names, built as published, without weights, and run for its shapes."""

import contextlib
import shutil
import warnings
from pathlib import Path

import published
import pytest
import torch
from fixtures_editor import INSTRUCTIONS, build_tokenizer
from import_graph import ROOT

from atelier.config import Params, read_params
from atelier.config.presets import apply_preset
from atelier.images.letterbox import plan_fit
from atelier.metrics.lpips import TORCHVISION
from atelier.models.base import encode_images
from atelier.models.instruct_pix2pix import Editor, encode_texts
from atelier.sampling import edit
from atelier.text.garments import slot_of_label
from atelier.training.edit.block_sets import count

PARAMETERS = {  # as published; LPIPS: AlexNet's convolutions and 1,152 linear weights
    "unet": 859_532_484, "vae": 83_653_863, "text_encoder": 123_060_480, "clip": 427_616_513, "lpips": 2_470_848,
    "segmenter": 27_360_466,
}  # fmt: skip
PUBLISHED = {  # what the preset must name for the configurations above to be the right ones
    "editor": "timbrooks/instruct-pix2pix", "clip": "openai/clip-vit-large-patch14", "lpips": "alex",
    "segmenter": "mattmdjaga/segformer_b2_clothes",
}  # fmt: skip


@pytest.fixture(scope="module", name="params")
def _params(tmp_path_factory) -> Params:
    path = tmp_path_factory.mktemp("full-size") / "params.yaml"
    shutil.copy(ROOT / "params.yaml", path)
    apply_preset("full-size", path)
    return read_params(path)


@pytest.fixture(scope="module", name="networks")
def _networks() -> dict[str, torch.nn.Module]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="torchvision")  # how lpips asks for AlexNet
        return {name: getattr(published, f"build_{name}")().eval() for name in PARAMETERS}


@pytest.fixture(scope="module", name="editor")
def _editor(networks) -> Editor:
    from diffusers import DDIMScheduler

    parts = (networks["unet"], networks["vae"], networks["text_encoder"], build_tokenizer(INSTRUCTIONS, 77))
    scheduler = DDIMScheduler(**published.SCHEDULER, clip_sample=False)
    return Editor(*parts, scheduler, torch.float32, torch.device("meta"))


def test_the_preset_names_the_networks_that_are_built_here(params):
    assert {name: getattr(params.models, name) for name in PUBLISHED} == PUBLISHED
    assert params.models.lpips in TORCHVISION


def test_every_network_has_the_published_number_of_parameters(networks):
    assert {name: count(network) for name, network in networks.items()} == PARAMETERS
    assert {parameter.device.type for network in networks.values() for parameter in network.parameters()} == {"meta"}


def test_the_editor_takes_the_preset_s_pictures(params, editor):
    size = params.prepare.size
    assert (editor.size, editor.latent_stride) == (size, 8)
    assert plan_fit(750, 1101, size, params.prepare.fit).size % 8 == 0  # DeepFashion's usual shape
    assert encode_images(editor, torch.empty(2, 3, size, size)).shape == (2, 4, size // 8, size // 8)
    assert encode_texts(editor, ["make the shirt red"]).shape == (1, 77, 768)


def test_an_edit_goes_through_the_full_size_editor(params, editor, monkeypatch):
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())  # which meta tensors don't know
    size, sampling = params.prepare.size, params.generate
    edited = edit.edit(
        editor, torch.empty(1, 3, size, size), ["make the shirt red"], [0],
        steps=2, guidance_text=sampling.guidance_text, guidance_image=sampling.guidance_image,
    )  # fmt: skip
    assert edited.shape == (1, 3, size, size)


def test_the_scoring_networks_take_the_preset_s_pictures(params, networks):
    pictures = torch.empty(2, 3, params.prepare.size, params.prepare.size, device="meta")
    assert networks["lpips"](pictures, pictures, normalize=True).shape == (2, 1, 1, 1)
    clip = networks["clip"]
    crops = torch.empty(2, 3, *[clip.config.vision_config.image_size] * 2, device="meta")
    assert clip.visual_projection(clip.vision_model(crops).pooler_output).shape == (2, clip.config.projection_dim)


def test_the_segmenter_finds_every_slot(networks):
    logits = networks["segmenter"](pixel_values=torch.empty(1, 3, 512, 512, device="meta")).logits
    assert logits.shape == (1, len(published.CLOTHES), 128, 128)
    found = {slot_of_label(label) for label in networks["segmenter"].config.id2label.values()}
    assert found == {"upper", "lower", "full", None}


def test_the_preset_s_file_gives_a_reason_for_what_it_sets():
    text = (Path(ROOT) / "src/atelier/config/settings/full-size.yaml").read_text(encoding="utf-8")
    values = [line for line in text.splitlines() if line.startswith("  ")]
    assert sum("#" in line for line in values) >= 0.8 * len(values)
