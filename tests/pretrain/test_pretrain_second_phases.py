"""The second phases of pretraining: the autoencoder's decoder, the direction loss of the CLIP that scores edits."""

import math

import numpy as np
import pytest
import torch
from fixtures_cli import invoke

from pretrain.editor import autoencoder, clip
from pretrain.editor.corpus import render_scenes, write

SIZE = 32


@pytest.fixture(scope="module")
def corpus_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    write(folder, *render_scenes(0, 30, seed=5, size=SIZE))
    return folder


def unit(*rows: list[float]) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.tensor(rows), dim=-1)


def test_an_edit_in_the_captions_direction_costs_less_than_a_flooded_one():
    source, towards, aside = [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.5]
    right, ranked = clip.direction_loss(unit(source, towards, aside), unit(source, towards))
    wrong, misranked = clip.direction_loss(unit(source, aside, towards), unit(source, towards))
    assert right < wrong
    assert (ranked, misranked) == (1.0, 0.0)


def test_the_direction_loss_is_its_equation():
    images, texts = unit(*np.random.default_rng(0).normal(size=(6, 5)).tolist()), unit(*np.eye(5)[:4].tolist())
    expected = []
    for i in range(2):
        wanted = (texts[2 + i] - texts[i]).numpy()
        exact, flooded = (
            float(change @ wanted / np.linalg.norm(change) / np.linalg.norm(wanted))
            for change in ((images[2 + i] - images[i]).numpy(), (images[4 + i] - images[i]).numpy())
        )
        lead = exact - flooded - clip.MARGIN
        expected.append(math.log1p(math.exp(-clip.SLOPE * lead)) + 1 - exact)
    assert clip.direction_loss(images, texts)[0].item() == pytest.approx(np.mean(expected), rel=1e-5)


def test_edits_are_drawn_as_source_target_and_flooded_target(corpus_folder):
    pictures = clip.Pictures(corpus_folder)
    some, texts = pictures.draw_edits(np.random.default_rng(1))
    edits = zip(*np.split(some, 3), texts[: clip.EDITS], texts[clip.EDITS :], strict=True)
    for *indices, before, after in edits:
        source, target, flooded = (pictures.corpus.pictures[index] for index in indices)
        assert source["scene"] == target["scene"] == flooded["scene"] < pictures.corpus.train_scenes
        assert target["garments"] == flooded["garments"] != source["garments"]
        assert (source["leaky"], target["leaky"]) == (None, None)
        assert flooded["leaky"]
        assert before != after
        assert "all over" not in before + after
        assert len(before.split()[1]) == len(after.split()[1])  # both say woman, or man, or person


def test_training_the_decoder_does_not_change_the_encoder(corpus_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    autoencoder.build(SIZE).save_pretrained(tmp_path / "first")
    folders = {"initial": tmp_path / "first", "out": tmp_path / "second"}
    invoke(autoencoder.main, corpus=corpus_folder, **folders, steps=2, batch_size=4)
    assert (tmp_path / "first/config.json").read_bytes() == (tmp_path / "second/config.json").read_bytes()
    first, second = (autoencoder.AutoencoderKL.from_pretrained(folder).state_dict() for folder in folders.values())
    changed = {name.split(".")[0] for name in first if not torch.equal(first[name], second[name])}
    assert changed == {"decoder", "post_quant_conv"}
