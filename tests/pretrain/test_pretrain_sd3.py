"""The SD3 model's pretraining: its corpus, the autoencoder's initial weights, prompts encoded as in training."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from fixtures_cli import invoke

from atelier.models.loading import load_model
from atelier.sampling.text_to_image import generate
from atelier.synthetic.poses import UPRIGHT
from pretrain.common import latents
from pretrain.sd3 import autoencoder, corpus, segmenter, transformer
from pretrain.sd3.text_encoders import LENGTH, T5_TOKENS, WIDTHS, TextEncoders, build_words


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A small corpus, an autoencoder, latents and a model of two steps, as the stages write them."""
    folder = tmp_path_factory.mktemp("sd3")
    shots = [corpus.shot(number, 10, 64) for number in range(40)]
    (folder / "corpus").mkdir()
    np.save(folder / "corpus/images.npy", np.stack([one.pixels for one in shots]))
    facts = [{"prompt": one.prompt, "pose": one.body.pose} for one in shots]
    (folder / "corpus/shots.json").write_text(json.dumps(facts))
    small = {"corpus": folder / "corpus", "steps": 2, "batch-size": 4}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        invoke(autoencoder.main, out=folder / "vae", **small)
        invoke(latents.main, "--scaled", corpus=folder / "corpus", vae=folder / "vae", out=folder / "latents")
        invoke(transformer.main, latents=folder / "latents", vae=folder / "vae", out=folder / "model", **small)
    return folder


def test_one_in_so_many_lies_and_the_others_take_the_upright_poses():
    poses = [corpus.shot(number, 7, 16).body.pose for number in range(28)]
    assert [number for number, pose in enumerate(poses) if pose == "lying"] == [6, 13, 20, 27]
    assert {pose for pose in poses if pose != "lying"} == set(UPRIGHT)


def test_the_autoencoder_starts_as_the_editors_around_its_new_blocks():
    vae, editor = autoencoder.initialise_from_editor(64), AutoencoderKL.from_pretrained(autoencoder.INITIAL)
    own, theirs = vae.state_dict(), editor.state_dict()
    same = ("encoder.down_blocks.1.resnets.0.conv1", "encoder.down_blocks.2.resnets.0.conv2", "decoder.conv_out")
    moved = {"decoder.up_blocks.3.resnets.1.conv2": "decoder.up_blocks.2.resnets.1.conv2"}
    for ours, name in (dict(zip(same, same, strict=True)) | moved).items():
        assert torch.equal(own[f"{ours}.weight"], theirs[f"{name}.weight"]), ours
    assert vae.encode(torch.zeros(1, 3, 64, 64)).latent_dist.mode().shape == (1, 16, 8, 8)
    frozen = {name.split(".")[1] for name, one in vae.named_parameters() if not one.requires_grad}
    assert frozen == {"conv_in", "down_blocks"}
    assert all(one.requires_grad for one in vae.decoder.parameters())


@pytest.mark.slow
def test_latents_have_about_zero_mean_and_unit_deviation(made):
    found = np.load(made / "latents/latents.npy").astype(np.float32)
    assert found.shape == (40, 16, 8, 8)
    assert abs(found.mean()) < 0.3
    assert 0.7 < found.std() < 1.4


@pytest.mark.slow
def test_the_saved_pipeline_encodes_prompts_as_in_training(made):
    model = load_model(made / "model", t5_tokens=T5_TOKENS)
    assert model.size == 64
    shots = json.loads((made / "corpus/shots.json").read_text())
    prompts = ["", shots[0]["prompt"]]
    found, tokenizer = model.encode(prompts), build_words(shots)
    texts = TextEncoders(tokenizer).eval()
    texts.first.load_state_dict(model.parts["text_encoder"].state_dict())
    texts.second.load_state_dict(model.parts["text_encoder_2"].state_dict())
    tokens = tokenizer(prompts, padding="max_length", truncation=True, return_tensors="pt").input_ids
    assert tokens.shape == (2, LENGTH)
    with torch.no_grad():
        context, pooled = texts(tokens)
    assert found.context.shape == (2, LENGTH + T5_TOKENS, sum(WIDTHS))
    assert torch.allclose(found.context, context, atol=1e-5)
    assert torch.allclose(found.pooled, pooled, atol=1e-5)
    assert generate(model, prompts, [1, 2], steps=2, guidance=2.0).shape == (2, 3, 64, 64)
    for file in (made / "model").rglob("*.json"):
        assert str(made) not in file.read_text(), file


def test_half_of_the_segmenters_people_lie_and_half_are_deformed():
    shots = [segmenter.shot(number, 16) for number in range(40)]
    lying, wrong = np.array([(one.body.pose == "lying", bool(one.fault)) for one in shots]).T
    assert lying.mean() == wrong.mean() == 0.5
    assert (lying & wrong).mean() == 0.25
    assert len({one.fault for one in shots}) == 6
