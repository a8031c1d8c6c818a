"""Saved models in diffusers' own loaders: its pipeline generates what our trained model does."""

import re

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, StableDiffusion3Pipeline, StableDiffusionPipeline
from fixtures_concepts import ADAPTERS, INVERSION, NO_T5, SAMPLING, learn, make_concept, make_task
from import_graph import ROOT
from safetensors.torch import load_file

from atelier.common.errors import UserError
from atelier.models.loading import load_model
from atelier.models.text_to_image import latent_shape
from atelier.sampling.edit import draw_noise
from atelier.sampling.text_to_image import generate
from atelier.training.concept.methods import save

BASES = sorted(ROOT.glob("models/base/*/model_index.json"))
WORDS = "make the shirt red <logo>"
LORA_FILE = "pytorch_lora_weights.safetensors"


def by_diffusers(pipeline, shape, **options) -> np.ndarray:
    """Generate float (H, W, 3) in [0, 1] from our noise."""
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        WORDS, latents=draw_noise([5], shape), num_inference_steps=SAMPLING["steps"],
        guidance_scale=SAMPLING["guidance"], output_type="np", **options,
    ).images[0]  # fmt: skip


def assert_same_picture(model, base, theirs: np.ndarray) -> None:
    """Compare the pipeline's image with ours, and check that it is not the base's."""
    ours, before = (generate(one, [WORDS], [5], **SAMPLING)[0].permute(1, 2, 0).numpy() for one in (model, base))
    assert np.abs(theirs - ours).max() < 2e-3
    assert np.abs(theirs - before).mean() > 5e-3


def open_sd(folder):
    return StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)


def save_trained(base, folder, **changes):
    """Train the base and save the model in folder / "out"; return it."""
    task = make_task(base, **changes)
    model = learn(task, folder / "ckpt")
    save(model, task.settings, folder / "out")
    return model


def test_dreambooth_is_a_pipeline(sd, sd_folder, tmp_path):
    model = save_trained(sd, tmp_path, lr=5e-2)
    assert_same_picture(model, sd, by_diffusers(open_sd(tmp_path / "out"), latent_shape(sd)))
    texts = [path.read_text() for path in (tmp_path / "out").rglob("*.json")]
    assert not [text for text in texts if str(sd_folder) in text or str(tmp_path) in text]
    again = load_model(tmp_path / "out", device="cpu")
    torch.testing.assert_close(generate(again, [WORDS], [5], **SAMPLING), generate(model, [WORDS], [5], **SAMPLING))


def test_dreambooth_of_a_base_in_bfloat16_loads_in_one_dtype_without_options(sd_folder, tmp_path):
    base = load_model(sd_folder, "bfloat16", "cpu")
    save(base, make_concept(), tmp_path / "out")
    assert np.isfinite(by_diffusers(open_sd(tmp_path / "out"), latent_shape(base))).all()  # mixed dtypes fail


@pytest.mark.parametrize("index", BASES, ids=[index.parent.name for index in BASES])
def test_an_embedded_base_loads_in_one_dtype_as_the_documentation_says(index):
    options = NO_T5 if "3Pipeline" in index.read_text() else {}
    pipeline = DiffusionPipeline.from_pretrained(index.parent, **options).to(torch.float32)
    parts = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    assert {parameter.dtype for part in parts for parameter in part.parameters()} == {torch.float32}


@pytest.mark.parametrize("vectors", [1, 3])
def test_textual_inversion_is_a_token(sd, sd_folder, tmp_path, vectors):
    model = save_trained(sd, tmp_path, **{**INVERSION, "vectors": vectors, "lr": 5.0})
    pipeline = open_sd(sd_folder)
    pipeline.load_textual_inversion(tmp_path / "out")
    assert (model.tokens([WORDS]).tokens >= len(sd.parts["tokenizer"])).sum() == vectors
    plain = make_task(sd, **INVERSION).trainable.model  # the placeholder means "shirt"
    assert_same_picture(model, plain, by_diffusers(pipeline, latent_shape(sd)))


@pytest.mark.parametrize("text_lr", [0.0, 5e-2])
def test_adapters_are_loaded_by_load_lora_weights(sd, sd_folder, tmp_path, text_lr):
    model = save_trained(sd, tmp_path, **{**ADAPTERS, "text_lr": text_lr}, lr=5e-2)
    pipeline = open_sd(sd_folder)
    pipeline.load_lora_weights(tmp_path / "out")
    assert_same_picture(model, sd, by_diffusers(pipeline, latent_shape(sd)))
    saved = load_file(tmp_path / "out" / LORA_FILE)
    own = re.compile(r"(unet|text_encoder\.text_model)\..*\.lora_[AB]\.weight")
    assert all(own.fullmatch(name) for name in saved)
    assert any(name.startswith("text_encoder") for name in saved) == bool(text_lr)
    assert {tensor.dtype for tensor in saved.values()} == {torch.float32}
    if text_lr:
        unet_alone = open_sd(sd_folder)
        unet_alone.load_lora_weights({name: t for name, t in saved.items() if name.startswith("unet")})
        other = by_diffusers(unet_alone, latent_shape(sd))
        ours = generate(model, [WORDS], [5], **SAMPLING)[0].permute(1, 2, 0).numpy()
        assert np.abs(other - ours).max() > 1e-2  # the text encoder's adapters have an effect


def test_adapters_of_sd3_are_loaded_by_load_lora_weights(sd3, sd3_folder, tmp_path):
    targets = "attn.to_q+attn.to_k+attn.to_v+attn.to_out.0+attn.add_q_proj+attn.add_k_proj+attn.add_v_proj"
    model = save_trained(sd3, tmp_path, **{**ADAPTERS, "text_lr": 0.0, "lora_targets": targets}, lr=0.1, epochs=4)
    pipeline = StableDiffusion3Pipeline.from_pretrained(sd3_folder, **NO_T5)
    pipeline.load_lora_weights(tmp_path / "out")
    assert_same_picture(model, sd3, by_diffusers(pipeline, latent_shape(sd3), max_sequence_length=8))
    assert all(name.startswith("transformer.") for name in load_file(tmp_path / "out" / LORA_FILE))


def test_dreambooth_of_sd3_is_a_pipeline(sd3, tmp_path):
    model = save_trained(sd3, tmp_path, lr=2e-2)
    pipeline = StableDiffusion3Pipeline.from_pretrained(tmp_path / "out", **NO_T5)
    assert_same_picture(model, sd3, by_diffusers(pipeline, latent_shape(sd3), max_sequence_length=8))


def test_nothing_is_replaced_and_nothing_partial_remains(sd, tmp_path, monkeypatch):
    settings = make_concept()
    (tmp_path / "thesis").mkdir()
    with pytest.raises(UserError, match="thesis: is there already"):
        save(sd, settings, tmp_path / "thesis")
    monkeypatch.setattr(StableDiffusionPipeline, "save_pretrained", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save(sd, settings, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis"]


def test_only_the_two_kinds_of_pipeline_are_loaded(tiny_editor_folder, tmp_path):
    with pytest.raises(UserError, match="a StableDiffusionInstructPix2PixPipeline; expected a StableDiffusionPipeline"):
        load_model(tiny_editor_folder, device="cpu")
    with pytest.raises(UserError, match="no text-to-image model"):
        load_model(tmp_path / "nowhere", device="cpu")
