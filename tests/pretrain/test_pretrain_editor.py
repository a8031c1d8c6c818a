"""The editor's pretraining: a consistent corpus, one tokenizer for every process, training that resumes."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from fixtures_cli import invoke
from scipy.ndimage import binary_dilation
from segmenters import build_segmenter

from atelier.models.instruct_pix2pix import load_editor
from atelier.synthetic.fashion import is_held_out
from atelier.text.instructions import RENDERED_COLOURS, RENDERED_PATTERNS, UPPER
from pretrain.common.corpus import held_out_mask, label_table, read_corpus
from pretrain.common.tokenizer import LENGTH, build_tokenizer, wordings
from pretrain.editor import autoencoder, evaluate, unet
from pretrain.editor.corpus import SEGMENTS, render_scenes, write

SIZE = 32


def near(mask: np.ndarray) -> np.ndarray:
    """Return the mask with the 2 px around it: 1 px of anti-aliasing, or the spill's blur."""
    return binary_dilation(mask, np.ones((3, 3)), iterations=2)


@pytest.fixture(scope="module")
def rendered() -> tuple[np.ndarray, np.ndarray, list[dict], list[dict]]:
    return render_scenes(0, 8, seed=3, size=SIZE)


@pytest.fixture(scope="module")
def corpus_folder(rendered, tmp_path_factory) -> Path:
    """Write `rendered` as `python -m pretrain.editor.corpus` does."""
    folder = tmp_path_factory.mktemp("corpus")
    write(folder, *rendered)
    return folder


def test_a_pair_differs_in_exactly_the_stated_factors_and_no_fabric_is_held_out(rendered):
    _, _, pictures, pairs = rendered
    for pair in pairs:
        source, target, leaky = (pictures[pair[key]] for key in ("source", "target", "leaky"))
        assert (source["leaky"], target["leaky"], leaky["leaky"]) == (None, None, pair["slot"])
        assert source["scene"] == target["scene"] == leaky["scene"] == pair["scene"]
        assert target["garments"] == leaky["garments"]
        asked = {factor: pair[factor] for factor in ("colour", "pattern") if pair[factor]}
        assert asked
        worn = source["garments"][pair["slot"]]
        edited = worn | asked
        assert edited != worn
        assert target["garments"] == source["garments"] | {pair["slot"]: edited}
        assert pair["garment"] == edited["kind"]
    assert {(bool(p["colour"]), bool(p["pattern"])) for p in pairs} == {(True, True), (True, False), (False, True)}
    worn = [garment for picture in pictures for garment in picture["garments"].values()]
    assert not any(is_held_out(garment["colour"], garment["pattern"]) for garment in worn)


def test_an_exact_target_stays_within_the_garment_and_a_leaky_one_does_not(rendered):
    """Images against label maps, up to the soft edges."""
    images, labels, pictures, pairs = rendered
    for pair in pairs:
        label = labels[pair["scene"]]
        garment = label == SEGMENTS.index(pair["slot"])
        source, target, leaky = (images[pair[key]] for key in ("source", "target", "leaky"))
        changed, spilled = (np.any(a != b, axis=-1) for a, b in ((source, target), (target, leaky)))
        assert changed[garment].any()
        assert not changed[~near(garment)].any()
        assert spilled[~near(garment)].any()
        for worn in pictures[pair["source"]]["garments"]:  # neither on another garment, nor on this one
            assert not spilled[~near(label != SEGMENTS.index(worn))].any()


def test_scenes_do_not_depend_on_the_shard_that_renders_them(rendered):
    images, labels, pictures, pairs = render_scenes(5, 2, seed=3, size=SIZE)
    first = [picture["scene"] for picture in rendered[2]].index(5)
    np.testing.assert_array_equal(images, rendered[0][first : first + len(images)])
    np.testing.assert_array_equal(labels, rendered[1][5:7])
    assert pictures == rendered[2][first : first + len(pictures)]
    assert [pair["colour"] for pair in pairs] == [p["colour"] for p in rendered[3] if p["scene"] in (5, 6)]


def test_labels_say_what_is_worn(corpus_folder, rendered):
    corpus = read_corpus(corpus_folder, held_out=0.25)
    table = label_table(corpus)
    for index, picture in enumerate(rendered[2]):
        worn = {name: int(values[index]) for name, values in table.items()}
        upper = picture["garments"].get("upper")
        assert (worn["upper kind"] == 0) == (upper is None) == (worn["full kind"] != 0)
        for factor, words in (("kind", UPPER), ("colour", RENDERED_COLOURS), ("pattern", RENDERED_PATTERNS)):
            assert upper is None or upper[factor] == words[worn[f"upper {factor}"] - 1]
    assert list(held_out_mask(corpus)) == [picture["scene"] >= 6 for picture in rendered[2]]


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer()


def test_every_common_word_is_one_token(tokenizer):
    texts = wordings(1000)
    counts = Counter(re.findall(r"[a-z]+", " ".join(texts)))
    common = [word for word, count in counts.items() if count > 1]
    assert len(common) > 40
    assert {word: tokenizer.tokenize(word) for word in common} == {word: [f"{word}</w>"] for word in common}
    assert max(len(ids) for ids in tokenizer(sorted(set(texts))).input_ids) <= LENGTH == tokenizer.model_max_length


def test_other_text_is_encoded_by_its_bytes(tokenizer):
    text = "a zebra-striped kaftan, größe 42!"
    decoded = tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True)
    assert decoded.replace(" ", "") == text.replace(" ", "")


def test_the_tokenizer_is_the_same_each_time_it_is_built_and_after_saving(tokenizer, tmp_path):
    """Two processes train one editor, and a later phase resumes it: their token ids must agree."""
    assert build_tokenizer().get_vocab() == tokenizer.get_vocab()
    tokenizer.save_pretrained(tmp_path)
    again = type(tokenizer).from_pretrained(tmp_path)
    texts = [*wordings(40), "", "größe 42"]
    settings = {"padding": "max_length", "truncation": True}
    assert again(texts, **settings).input_ids == tokenizer(texts, **settings).input_ids
    assert again.model_max_length == LENGTH


@pytest.fixture(scope="module")
def batches(corpus_folder, tmp_path_factory) -> unet.Batches:
    folder = tmp_path_factory.mktemp("latents")
    count = len(read_corpus(corpus_folder).pictures)
    np.save(folder / "latents.npy", np.random.default_rng(0).normal(size=(count, 4, 8, 8)).astype(np.float16))
    return unet.Batches(corpus_folder, folder, scaling=0.5, leak=0.5, batch_size=64)


def test_a_batch_is_a_function_of_its_step(batches):
    first, again, other = batches.draw(3), batches.draw(3), batches.draw(4)
    assert first.instructions == again.instructions != other.instructions
    assert all(torch.equal(getattr(first, key), getattr(again, key)) for key in ("source", "target", "weight"))
    assert {unet.factor_of(pair) for pair in batches.pairs} == set(unet.FACTORS)


def test_a_batch_weights_changed_latents_and_drops_conditions(batches):
    drawn = [batches.draw(step) for step in range(8)]
    source, target, weight = (torch.cat([getattr(b, key) for b in drawn]) for key in ("source", "target", "weight"))
    silent = np.array([text == "" for batch in drawn for text in batch.instructions])
    kept = source.abs().sum((1, 2, 3)) > 0
    changed = (source * 0.5 - target).abs().amax(1, keepdim=True) > 0.15
    assert torch.equal(weight[kept], 1 + unet.CHANGED * changed[kept].float())
    assert 0.05 < 1 - kept.float().mean() < 0.15  # 10 % of the sources, 10 % of the texts, 5 % both
    assert 0.05 < silent.mean() < 0.15
    assert 0.01 < (silent & ~kept.numpy()).mean() < 0.1


def test_a_saved_editor_loads_and_keeps_the_autoencoders_bytes(tokenizer, tmp_path):
    vae = tmp_path / "vae"
    autoencoder.build(SIZE).save_pretrained(vae)
    before = {path.name: path.read_bytes() for path in vae.iterdir()}
    untrained = unet.Editor(SIZE // 4, tokenizer)
    unet.save(untrained, vae, tmp_path)
    assert {path.name: path.read_bytes() for path in vae.iterdir()} == before
    loaded = load_editor(tmp_path, device="cpu")
    assert loaded.unet.config.in_channels == 8
    assert loaded.scheduler.config.prediction_type == "v_prediction"
    assert loaded.tokenizer.get_vocab() == tokenizer.get_vocab()
    torch.testing.assert_close(loaded.unet.state_dict(), untrained.unet.bfloat16().float().state_dict(), rtol=0, atol=0)
    assert all(path.stat().st_size < 16 * 2**20 for path in tmp_path.rglob("*") if path.is_file())


def test_wrong_edits_differ_from_the_exact_one_where_they_should():
    kinds = set()
    for index, scene in enumerate(evaluate.held_out_scenes(8)):
        factor = ("colour", "pattern")[index % 2]
        slot, value = evaluate.draw_change(np.random.default_rng(index), scene, factor)
        assert value != getattr(scene.garments[slot], factor)
        edit = evaluate.draw_edit(scene, index, SIZE)
        assert np.any(edit.source != edit.target, axis=-1)[edit.named].any()
        assert edit.other.any() == (len(scene.garments) == 2)
        pictures = evaluate.wrong_edits(scene, slot, factor, value, SIZE)
        exact = evaluate.fashion.render(evaluate.fashion.edit(scene, slot, **{factor: value}), SIZE)
        np.testing.assert_array_equal(pictures.pop("exact"), exact.image)
        for name, picture in pictures.items():
            differs = np.any(picture != exact.image, axis=-1)
            assert differs.any()
            assert differs[~near(exact.masks[slot])].any() == (name != "wrong_pattern")
        kinds |= set(pictures)
    assert kinds == {"wrong_pattern", "flooded", "wrong_garment"}


@pytest.mark.slow
def test_untrained_models_score_low(tiny_editor_folder, tiny_clip_folder, tmp_path):
    build_segmenter(tmp_path / "segmenter", finds="upper")
    (tmp_path / "editor").symlink_to(tiny_editor_folder)
    (tmp_path / "clip").symlink_to(tiny_clip_folder)
    images, report = tmp_path / "images", tmp_path / "metrics.json"
    invoke(evaluate.main, base=tmp_path, images=images, report=report, scenes=40, steps=1)
    found = json.loads(report.read_text())
    assert set(found) == {"autoencoder", "scoring", "segmenter", "editor"}
    assert 0 < found["segmenter"]["iou_upper"] < 0.5  # it finds "upper" everywhere
    assert found["segmenter"]["iou_lower"] == found["segmenter"]["iou_full"] == 0
    assert found["autoencoder"]["psnr"] < 20
    assert found["editor"]["psnr_to_exact"] < found["editor"]["psnr_of_copy"]
    assert all(found["scoring"][f"{what}_accuracy"] < 0.7 for what in ("colour", "pattern", "garment"))
    assert {path.name for path in images.iterdir()} == {"base-edits.png", "base-reconstructions.png"}
