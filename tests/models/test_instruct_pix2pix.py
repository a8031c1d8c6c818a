"""Editors from a text-to-image model: its UNet gets channels for the source, which have no effect at first."""

from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionInstructPix2PixPipeline, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import save_file

from atelier.common.errors import UserError
from atelier.models.instruct_pix2pix import Editor, apply_trained, encode_texts, load_editor, open_weights, predict


@pytest.fixture(scope="module", name="plain_folder")
def _plain_folder(tiny_editor_folder: Path, tmp_path_factory) -> Path:
    """A plain `StableDiffusionPipeline` with a 4-channel UNet."""
    folder = tmp_path_factory.mktemp("plain")
    parts = StableDiffusionInstructPix2PixPipeline.from_pretrained(tiny_editor_folder, safety_checker=None)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        unet = UNet2DConditionModel.from_config(dict(parts.unet.config) | {"in_channels": 4})
    plain = StableDiffusionPipeline(
        vae=parts.vae, text_encoder=parts.text_encoder, tokenizer=parts.tokenizer, unet=unet, scheduler=parts.scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    plain.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", name="plain_unet")
def _plain_unet(plain_folder):
    return UNet2DConditionModel.from_pretrained(plain_folder / "unet").requires_grad_(False).eval()


@pytest.fixture(scope="module", name="widened")
def _widened(plain_folder) -> Editor:
    return load_editor(plain_folder, device="cpu")


def inputs(editor: Editor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noisy latents, a source's latents, timesteps, texts."""
    noisy, source = torch.randn(2, 2, 4, 8, 8, generator=torch.Generator().manual_seed(5))
    return noisy, source, torch.tensor([10, 900]), encode_texts(editor, ["make the shirt red", ""])


def test_the_first_layer_keeps_its_weights_and_gets_zeros_for_the_source(widened, plain_unet, tiny_editor_folder):
    weight = widened.unet.conv_in.weight
    assert weight.shape[1] == widened.unet.config.in_channels == 8
    expected = dict(plain_unet.named_parameters())
    expected["conv_in.weight"] = torch.cat([plain_unet.conv_in.weight, torch.zeros_like(weight[:, 4:])], dim=1)
    for name, parameter in widened.unet.named_parameters():
        assert torch.equal(parameter, expected[name])
        assert not parameter.requires_grad
    assert (widened.widened, widened.size) == (True, 32)
    assert not load_editor(tiny_editor_folder, device="cpu").widened


def test_a_widened_editor_ignores_the_source_at_first(widened, plain_unet):
    noisy, source, timesteps, texts = inputs(widened)
    seen = predict(widened, noisy, source, timesteps, texts)
    assert torch.equal(seen, predict(widened, noisy, source * -3, timesteps, texts))
    assert torch.equal(seen, plain_unet(noisy, timesteps, texts, return_dict=False)[0])
    assert seen.std() > 0.01


def test_loading_consumes_no_rng_state(plain_folder):
    before = torch.get_rng_state()
    load_editor(plain_folder, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_trained_tensors_are_applied_to_the_widened_base(plain_folder, plain_unet, widened, tmp_path):
    """finetuned.json names the text-to-image base: it is widened again before the trained first layer is loaded."""
    trained = torch.randn_like(widened.unet.conv_in.weight)
    save_file({"conv_in.weight": trained}, tmp_path / "trained.safetensors")
    (tmp_path / "finetuned.json").write_text(f'{{"base": "{plain_folder}"}}')
    opened = open_weights(tmp_path, device="cpu")
    assert torch.equal(opened.unet.conv_in.weight, trained)
    noisy, source, timesteps, texts = inputs(opened)
    with_source = predict(opened, noisy, source, timesteps, texts)
    assert not torch.allclose(with_source, predict(opened, noisy, source * 0, timesteps, texts))
    save_file({"conv_in.weight": plain_unet.conv_in.weight}, tmp_path / "trained.safetensors")
    with pytest.raises(UserError, match="does not fit this UNet"):  # four channels
        apply_trained(widened, tmp_path)


def test_a_unet_of_neither_kind_is_refused(tiny_editor_folder: Path, tmp_path):
    """An inpainting model's UNet takes 9 channels."""
    pipeline = StableDiffusionInstructPix2PixPipeline.from_pretrained(tiny_editor_folder, safety_checker=None)
    pipeline.unet = UNet2DConditionModel.from_config(dict(pipeline.unet.config) | {"in_channels": 9})
    pipeline.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="takes 9 channels; an instruction editor takes 8, a text-to-image model"):
        load_editor(tmp_path, device="cpu")
