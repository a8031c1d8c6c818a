"""The editor's pretraining: a consistent corpus, one tokenizer for every process, training that resumes."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from scipy.ndimage import binary_dilation
from segmenters import build_segmenter
from torch import nn

from atelier.synthetic.fashion import is_held_out
from atelier.text.instructions import COLOURS, PATTERNS, UPPER
from pretrain.common import loop
from pretrain.common.corpus import held_out_mask, label_table, read_corpus
from pretrain.common.loop import fit
from pretrain.common.tokenizer import LENGTH, build_tokenizer, wordings
from pretrain.editor import evaluate, unet
from pretrain.editor.corpus import SEGMENTS, render_scenes, write

SIZE, SCENES = 32, 8


@pytest.fixture(scope="module")
def rendered() -> tuple[np.ndarray, np.ndarray, list[dict], list[dict]]:
    return render_scenes(0, SCENES, seed=3, size=SIZE)


@pytest.fixture(scope="module")
def corpus_folder(rendered, tmp_path_factory) -> Path:
    """The same on disk, as `python -m pretrain.editor.corpus` writes it."""
    folder = tmp_path_factory.mktemp("corpus")
    write(folder, *rendered)
    return folder


def test_a_pair_differs_in_exactly_the_stated_factors(rendered):
    _, _, pictures, pairs = rendered
    for pair in pairs:
        source, target, leaky = (pictures[pair[key]] for key in ("source", "target", "leaky"))
        assert (source["leaky"], target["leaky"], leaky["leaky"]) == (None, None, pair["slot"])
        assert source["scene"] == target["scene"] == leaky["scene"] == pair["scene"]
        assert target["garments"] == leaky["garments"]
        asked = {factor: pair[factor] for factor in ("colour", "pattern") if pair[factor]}
        assert asked
        edited = source["garments"][pair["slot"]] | asked
        assert edited != source["garments"][pair["slot"]]
        assert target["garments"] == source["garments"] | {pair["slot"]: edited}
        assert pair["garment"] == edited["kind"]
    assert Counter((bool(p["colour"]), bool(p["pattern"])) for p in pairs).keys() == {(1, 1), (1, 0), (0, 1)}


def test_no_image_shows_a_held_out_fabric(rendered):
    worn = [garment for picture in rendered[2] for garment in picture["garments"].values()]
    assert not any(is_held_out(garment["colour"], garment["pattern"]) for garment in worn)


def test_an_exact_target_stays_within_the_garment_and_a_leaky_one_does_not(rendered):
    """Images against label maps, up to the soft edges (1 px of anti-aliasing, 2 px of the spill's blur)."""
    images, labels, pictures, pairs = rendered
    images = images.astype(int)
    for pair in pairs:
        label = labels[pair["scene"]]
        garment = label == SEGMENTS.index(pair["slot"])
        source, target, leaky = (images[pair[key]] for key in ("source", "target", "leaky"))
        changed, spilled = (np.any(a != b, axis=-1) for a, b in ((source, target), (target, leaky)))
        assert changed[garment].any()
        assert not changed[~binary_dilation(garment, np.ones((3, 3)), iterations=2)].any()
        assert spilled[~binary_dilation(garment, np.ones((3, 3)), iterations=2)].any()
        for other in pictures[pair["source"]]["garments"]:
            mask = label == SEGMENTS.index(other)
            inside = ~binary_dilation(~mask, np.ones((3, 3)), iterations=2)
            assert not spilled[inside].any()  # neither on the other garment, nor on this one


def test_scenes_do_not_depend_on_the_shard_that_renders_them(rendered):
    images, labels, pictures, pairs = render_scenes(5, 2, seed=3, size=SIZE)
    first = next(index for index, picture in enumerate(rendered[2]) if picture["scene"] == 5)
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
        if upper:
            assert UPPER[worn["upper kind"] - 1] == upper["kind"]
            assert COLOURS[worn["upper colour"] - 1] == upper["colour"]
            assert PATTERNS[worn["upper pattern"] - 1] == upper["pattern"]
    assert list(held_out_mask(corpus)) == [picture["scene"] >= 6 for picture in rendered[2]]


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer()


def test_every_common_word_is_one_token(tokenizer):
    texts = wordings(1000)
    words = Counter(word for text in texts for word in re.findall(r"[a-z]+", text))
    common_words = [word for word, count in words.items() if count > 1]
    assert len(common_words) > 40
    assert {word: tokenizer.tokenize(word) for word in common_words} == {word: [f"{word}</w>"] for word in common_words}
    assert max(len(ids) for ids in tokenizer(sorted(set(texts))).input_ids) <= LENGTH == tokenizer.model_max_length


def test_other_text_is_encoded_by_its_bytes(tokenizer):
    text = "a zebra-striped kaftan, größe 42!"
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True).replace(" ", "") == text.replace(
        " ", ""
    )


def test_the_tokenizer_is_the_same_each_time_it_is_built(tokenizer):
    """Two processes train one editor, and a later phase resumes it: their token ids must agree."""
    assert build_tokenizer().get_vocab() == tokenizer.get_vocab()


def test_the_tokenizer_survives_saving(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    again = type(tokenizer).from_pretrained(tmp_path)
    texts = [*wordings(40), "", "größe 42"]
    settings = {"padding": "max_length", "truncation": True}
    assert again(texts, **settings).input_ids == tokenizer(texts, **settings).input_ids
    assert again.model_max_length == LENGTH


def train(
    *, interrupt_at: int | None = None, steps: int = 12, lr: float = 0.05
) -> tuple[list[int], list[torch.Tensor]]:
    """Fit a linear layer to noise; return the steps taken and the final weights, averaged ones included."""
    torch.manual_seed(0)
    module, average = nn.Linear(3, 2), nn.Linear(3, 2).requires_grad_(False)
    average.load_state_dict(module.state_dict())
    taken = []

    def loss_of(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        if step == interrupt_at:
            raise KeyboardInterrupt
        taken.append(step)
        inputs, targets = torch.randn(5, 3), torch.randn(5, 2)  # drawn from the generator that `fit` seeds
        return (module(inputs) - targets).square().mean(), {}

    groups = [{"params": [module.weight], "lr": lr}, {"params": [module.bias], "lr": lr / 2}]
    try:
        with fit("linear", module, groups, loss_of, steps=steps, average=average, every=4, settings={"lr": lr}):
            assert list(loop.CHECKPOINTS.glob("linear-*.pt"))  # until the result is saved
    except KeyboardInterrupt:
        assert interrupt_at is not None
    return taken, [*module.parameters(), *average.parameters()]


@pytest.fixture
def checkpoints(monkeypatch, tmp_path) -> Path:
    monkeypatch.setattr(loop, "CHECKPOINTS", tmp_path / "checkpoints")
    return tmp_path / "checkpoints"


def test_interrupted_training_resumes_bit_for_bit(checkpoints):
    taken, uninterrupted = train()
    assert taken == list(range(12))
    assert not list(checkpoints.iterdir())  # a finished run leaves no checkpoint
    assert train(interrupt_at=10)[0] == list(range(10))
    taken, resumed = train()
    assert taken == [8, 9, 10, 11]
    assert all(torch.equal(a, b) for a, b in zip(uninterrupted, resumed, strict=True))
    assert not torch.equal(uninterrupted[0], uninterrupted[2])  # the average differs from the last weights


@pytest.mark.parametrize("changed", [{"lr": 0.04}, {"steps": 16}])
def test_other_settings_start_from_scratch(checkpoints, changed):
    train(interrupt_at=10)
    assert train(**changed)[0][0] == 0
    assert train()[0][0] == 8  # and keep the interrupted run's checkpoint


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
    texts = [text for batch in drawn for text in batch.instructions]
    kept = source.abs().sum((1, 2, 3)) > 0
    changed = (source * 0.5 - target).abs().amax(1, keepdim=True) > 0.15
    assert torch.equal(weight[kept], 1 + unet.CHANGED * changed[kept].float())
    assert 0.05 < 1 - kept.float().mean() < 0.15  # 10 % of the sources, 10 % of the texts, 5 % both
    assert 0.05 < np.mean([text == "" for text in texts]) < 0.15
    assert 0.01 < np.mean([text == "" and not there for text, there in zip(texts, kept, strict=True)]) < 0.1


def test_a_saved_editor_loads_and_keeps_the_autoencoders_bytes(tokenizer, tmp_path):
    from atelier.models.instruct_pix2pix import load_editor
    from pretrain.editor.autoencoder import build

    build(SIZE).save_pretrained(tmp_path / "editor" / "vae")
    before = {path.name: path.read_bytes() for path in (tmp_path / "editor" / "vae").iterdir()}
    untrained = unet.Editor(SIZE // 4, tokenizer)
    unet.save(untrained, tmp_path / "editor" / "vae", tmp_path / "editor")
    assert {path.name: path.read_bytes() for path in (tmp_path / "editor" / "vae").iterdir()} == before
    loaded = load_editor(tmp_path / "editor", device="cpu")
    assert loaded.unet.config.in_channels == 8
    assert loaded.scheduler.config.prediction_type == "v_prediction"
    assert loaded.tokenizer.get_vocab() == tokenizer.get_vocab()
    for name, tensor in loaded.unet.state_dict().items():
        assert torch.equal(tensor, untrained.unet.state_dict()[name].bfloat16().float())
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
        named = binary_dilation(exact.masks[slot], np.ones((3, 3)), iterations=2)
        for name, picture in pictures.items():
            differs = np.any(picture != exact.image, axis=-1)
            assert differs.any()
            assert differs[~named].any() == (name != "wrong_pattern")
        kinds |= set(pictures)
    assert kinds == {"wrong_pattern", "flooded", "wrong_garment"}


@pytest.mark.slow
def test_untrained_models_score_low(tiny_editor_folder, tiny_clip_folder, tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    (base / "editor").symlink_to(tiny_editor_folder)
    (base / "clip").symlink_to(tiny_clip_folder)
    build_segmenter(base / "segmenter", finds="upper")
    out = {"--base": base, "--images": tmp_path / "images", "--report": tmp_path / "metrics.json"}
    options = [str(part) for pair in out.items() for part in pair]
    result = CliRunner().invoke(evaluate.main, [*options, "--scenes", "40", "--steps", "1"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert set(found) == {"autoencoder", "scoring", "segmenter", "editor"}
    assert 0 < found["segmenter"]["iou_upper"] < 0.5  # it finds "upper" everywhere
    assert found["segmenter"]["iou_lower"] == found["segmenter"]["iou_full"] == 0
    assert found["autoencoder"]["psnr"] < 20
    assert found["editor"]["psnr_to_exact"] < found["editor"]["psnr_of_copy"]
    assert all(found["scoring"][f"{what}_accuracy"] < 0.7 for what in ("colour", "pattern", "garment"))
    assert {path.name for path in (tmp_path / "images").iterdir()} == {"base-edits.png", "base-reconstructions.png"}
