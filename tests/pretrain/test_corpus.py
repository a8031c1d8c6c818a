"""The corpus of the base models: true captions, labels of their kind, and only what base models may see."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from atelier.text.colours import is_held_out
from atelier.world import sample_outfit
from atelier.world.products import KINDS
from atelier.world.shards import open_stored, open_world, part_of
from pretrain import corpus
from pretrain.corpus_captions import VIEWS, caption_of, cut_words

SIZE = 64


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        ({"kind": "dress", "hem": 0.4, "flare": 1.7, "sleeve": 0.0}, {"short", "flared", "sleeveless"}),
        ({"kind": "dress", "hem": 0.6, "flare": 1.3, "sleeve": 0.6}, set()),
        ({"kind": "skirt", "hem": 0.9, "flare": 1.0, "sleeve": 0.0}, {"long", "straight"}),
        ({"kind": "t-shirt", "hem": -0.14, "flare": 1.0, "sleeve": 0.3}, {"cropped", "short-sleeved"}),
        ({"kind": "shirt", "hem": 0.1, "flare": 1.0, "sleeve": 0.97}, {"long", "long-sleeved"}),
        ({"kind": "trousers", "hem": 0.7, "flare": 1.5, "sleeve": 0.0}, {"cropped", "wide"}),
        ({"kind": "jacket", "hem": 0.1, "flare": 1.0, "sleeve": 0.95}, set()),
        ({"kind": "shorts", "hem": 0.4, "flare": 1.0, "sleeve": 0.0}, set()),
    ],
)
def test_the_words_for_a_cut(cut, words):
    assert set(cut_words(cut)) == words


def test_captions_say_of_cut_and_view_only_what_is_true():
    world, said = open_world(), 0
    every = {"short", "long", "flared", "straight", "cropped", "wide", "sleeveless", "short-sleeved", "long-sleeved"}
    for number in range(300):
        rng = np.random.default_rng([1, number])
        scene = sample_outfit(rng, ("studio", "street")[number % 2], part="base", world=world)
        facts = world.facts[scene.shot]
        caption = caption_of(scene, facts, rng)
        true = {word for cut in facts["outfit"] for word in cut_words(cut)}
        words = every & set(caption.split())
        assert words <= true
        said += bool(words)
        assert {view for view, text in VIEWS.items() if text in caption} == {scene.view} & set(VIEWS)
        assert scene.gender in caption.split()
    assert 50 < said < 250


def test_pictures_show_only_what_base_models_may_see():
    world, products, people = open_world(), open_stored("products"), open_stored("lying")
    for number in range(40):
        made = corpus.compose_person(3, number, SIZE)
        scene = made.record["scene"]
        facts = world.facts[scene["shot"]]
        assert part_of(facts["item"], facts["domain"]) == "base"
        assert not any(is_held_out(worn["colour"], worn["pattern"]) for _, worn in scene["worn"])
    for number in range(10):
        facts = people.facts[corpus.compose_pose(3, number, SIZE).record["shot"]]
        assert part_of(facts["item"], facts["domain"]) == "base"
        assert facts["twin"] is None  # no deformed body
    assert {corpus.compose_product(3, n, SIZE).record["subject"] for n in range(40)} <= {
        *KINDS, "model", "logo", "products",
    }  # fmt: skip
    assert any(part_of(facts["item"], facts["domain"]) == "study" for facts in products.facts.values())


def test_each_kind_has_labels_of_its_own():
    person, product, pose = (
        make(3, 0, SIZE) for make in (corpus.compose_person, corpus.compose_product, corpus.compose_pose)
    )
    named = (*corpus.SEGMENTS, *corpus.BODY_PARTS)
    assert {named[label] for label in np.unique(person.labels)} <= set(corpus.SEGMENTS)
    assert {"background", "body", "face"} <= {named[label] for label in np.unique(person.labels)}
    assert (product.labels == corpus.UNKNOWN).all()
    assert {named[label] for label in np.unique(pose.labels)} == {"background", *corpus.BODY_PARTS}
    for made in (person, product, pose):
        assert made.image.shape == (SIZE, SIZE, 3)
        assert made.labels.shape == (SIZE, SIZE)


def test_the_command_writes_all_kinds_in_order_and_the_same_in_any_number_of_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "SHARD", 2)
    wanted = ["--people", "3", "--products", "1", "--poses", "1", "--size", str(SIZE)]
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        result = CliRunner().invoke(corpus.main, ["--out", str(folder), "--workers", str(workers), *wanted])
        assert result.exit_code == 0, result.output
    one, two = tmp_path / "1", tmp_path / "2"
    for name in ("images.npy", "labels.npy", "captions.jsonl"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    subjects = [json.loads(line)["subject"] for line in (one / "captions.jsonl").read_text().splitlines()]
    assert subjects[:3] == ["person"] * 3
    assert subjects[4] == "pose"
    images = np.load(one / "images.npy")
    assert np.array_equal(images[2], corpus.compose_person(20_000_000, 2, SIZE).image)
    assert len(np.unique(images.reshape(5, -1), axis=0)) == 5
